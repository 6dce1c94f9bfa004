//! What a file of a model holds by mistake.

/// What a file holds instead of what its name promises, and what to do, as the rest of a sentence that
/// begins with its name. `None` if it is none of the usual mistakes.
pub(crate) fn mistake(file: &[u8]) -> Option<&'static str> {
    const KNOWN: [(&[u8], &str); 4] = [
        (
            b"version https://git-lfs",
            "is a pointer of Git LFS; run `git lfs pull` in its repository, or download the file itself",
        ),
        (b"<", "is a web page, perhaps an error message; download the file itself"),
        (b"\x1f\x8b", "is compressed by gzip; unpack it"),
        (b"PK\x03\x04", "is a zip archive; unpack it"),
    ];
    let text = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file).trim_ascii_start();
    let known = KNOWN.iter().find(|(start, _)| text.starts_with(start));
    let empty = text.is_empty().then_some("is empty; download it again");
    known.map(|(_, what)| *what).or(empty)
}
