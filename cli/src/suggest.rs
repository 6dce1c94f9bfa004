//! Finds what was probably meant by a name that does not exist.

use std::fs;
use std::path::Path;

use crossrank::hub;

/// How similar two names must be, as [`strsim::jaro_winkler`] measures it. It is 1 for equal names,
/// and counts a common start more than a common end.
const MIN_SIMILARITY: f64 = 0.88;

/// The entries of a folder that are looked at.
const MAX_ENTRIES: usize = 10_000;

/// The most similar of some names, if one is similar.
pub fn nearest(given: &str, names: impl IntoIterator<Item = String>) -> Option<String> {
    let given = given.to_lowercase();
    let similarity = |name: &String| strsim::jaro_winkler(&given, &name.to_lowercase());
    let rated = names.into_iter().map(|name| (similarity(&name), name));
    let similar = rated.filter(|(similarity, _)| *similarity >= MIN_SIMILARITY);
    // Among equals the first one by its letters, because a folder has no order.
    similar.max_by(|(a, x), (b, y)| a.total_cmp(b).then(y.cmp(x))).map(|(_, name)| name)
}

/// A path that exists beside one that does not, and has a similar name.
pub fn neighbour(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let folder = path.parent()?;
    let shown = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let entries = fs::read_dir(shown).ok()?.take(MAX_ENTRIES).flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    Some(folder.join(nearest(name, names)?).display().to_string())
}

/// The known model with a similar name.
pub fn model(name: &str) -> Option<String> {
    let names =
        hub::models().iter().flat_map(|model| [&model.name].into_iter().chain(&model.aliases));
    let short = |name: &String| name.rsplit('/').next().map(str::to_owned);
    match name.contains('/') {
        true => nearest(name, names.cloned()),
        false => nearest(name, names.filter_map(short)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_similar_names_are_suggested() {
        let names = || ["index", "notes.index", "README.md", "passages.txt"].map(str::to_owned);
        for (given, expected) in [
            ("idex", Some("index")),
            ("INDEX", Some("index")),
            ("note.index", Some("notes.index")),
            ("readme", Some("README.md")),
            ("passage.txt", Some("passages.txt")),
            ("no-such-file", None),
            ("", None),
        ] {
            assert_eq!(nearest(given, names()).as_deref(), expected, "{given}");
        }
        assert_eq!(
            nearest("ac", ["ab".into(), "aa".into()]),
            nearest("ac", ["aa".into(), "ab".into()])
        );
    }

    #[test]
    fn models_are_suggested_as_they_were_named() {
        assert_eq!(model("minilm-l6-em").as_deref(), Some("minilm-l6-en"));
        assert_eq!(model("bge-reranker-bas").as_deref(), Some("bge-reranker-base"));
        assert_eq!(model("BAAI/bge-reranker-bas").as_deref(), Some("BAAI/bge-reranker-base"));
        assert_eq!(model("owner/none"), None);
    }
}
