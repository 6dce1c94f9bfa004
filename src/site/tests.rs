//! The module as a program uses it.

use std::collections::BTreeMap;

use super::*;
use crate::embedder::Embedder;
use crate::error::ErrorKind;

fn site(pages: &[(&str, &str)]) -> SiteFiles {
    let pages = pages.iter().filter_map(|(url, html)| Page::parse(url, html.as_bytes()));
    SiteFiles::build(pages.collect(), &BuildOptions::default()).unwrap()
}

/// Searches until no file is needed. Returns the results, and the names of the files in the order in which
/// they were needed.
fn search_with(
    site: &SiteFiles,
    query: &str,
    options: &SearchOptions,
) -> (SearchResults, Vec<String>) {
    let mut index = SiteIndex::new(&site.manifest).unwrap();
    let mut fetched = Vec::new();
    loop {
        let found = index.search(query, options);
        if found.needs.is_empty() {
            return (found, fetched);
        }
        for name in &found.needs {
            assert!(!fetched.contains(name), "{name} is needed twice");
            index.add(name, &site.files[name]).unwrap();
            fetched.push(name.clone());
        }
    }
}

fn urls(site: &SiteFiles, query: &str) -> Vec<String> {
    let (found, _) = search_with(site, query, &SearchOptions::default());
    found.results.into_iter().map(|result| result.url).collect()
}

#[test]
fn sections_are_found_by_stem_prefix_and_typo() {
    let site = site(&[
        (
            "a.html",
            "<main><h1>Branches</h1><p>About them.<h2 id=del>Deleting a branch</h2><p>Use delete.",
        ),
        ("b.html", "<main><h1 id=t>Tables</h1><p>Rows of a table."),
    ]);
    assert_eq!(urls(&site, "deleted branches ")[0], "a.html#del");
    assert_eq!(urls(&site, "tabl"), ["b.html#t"]);
    assert_eq!(urls(&site, "tabel "), ["b.html#t"]);
    assert_eq!(urls(&site, "deletin")[0], "a.html#del");
    assert!(urls(&site, "zebra ").is_empty());
    assert!(urls(&site, "").is_empty());
}

#[test]
fn a_typo_needs_few_files_of_a_large_lexicon() {
    // Each word is on two pages, and has eight letters. No more than three differ in one letter only.
    const SYLLABLES: [&str; 12] =
        ["ba", "do", "ki", "lu", "ma", "no", "pi", "ru", "sa", "to", "vi", "zu"];
    let word = |i: usize| -> String {
        [1, 12, 144, 1728].iter().map(|place| SYLLABLES[i / place % 12]).collect()
    };
    const WORDS: usize = 3456;
    let pages: Vec<(String, String)> = (0..96)
        .map(|page| {
            let words: Vec<String> = (page % 48..WORDS).step_by(48).map(word).collect();
            (format!("{page}.html"), format!("<main><h1>Page</h1><p>{}", words.join(" ")))
        })
        .collect();
    let pages: Vec<(&str, &str)> =
        pages.iter().map(|(url, html)| (url.as_str(), html.as_str())).collect();
    let site = site(&pages);
    let lexicon = |name: &&String| name.starts_with("lexicon-");
    assert_eq!(site.files.keys().filter(lexicon).count(), 8);
    for i in (0..WORDS).step_by(97) {
        let word = word(i);
        let pages = urls(&site, &format!("{word} "));
        assert_eq!(pages.len(), 2, "{word}");
        let letter = |at: usize| &word[at..at + 1];
        for typo in [
            format!("{word}q"),
            format!("q{word}"),
            format!("q{}", &word[1..]),
            format!("{}q", &word[..7]),
            format!("{}{}{}{}", &word[..2], letter(3), letter(2), &word[4..]),
        ] {
            let (found, fetched) =
                search_with(&site, &format!("{typo} "), &SearchOptions::default());
            let found: Vec<&String> = found.results.iter().map(|result| &result.url).collect();
            assert!(pages.iter().all(|url| found.contains(&url)), "{typo}: {pages:?} {found:?}");
            assert!(fetched.iter().filter(lexicon).count() < 5, "{typo}: {fetched:?}");
        }
    }
}

#[test]
fn the_same_pages_give_the_same_files() {
    let pages: Vec<(String, String)> = (0..200)
        .map(|i| (format!("{i}.html"), format!("<h1>Page {i}</h1><p>{}", "word stem ".repeat(i))))
        .collect();
    let parse = |(url, html): &(String, String)| Page::parse(url, html.as_bytes()).unwrap();
    let build = |threads, pages: Vec<Page>| {
        let options = BuildOptions { threads, ..Default::default() };
        let site = SiteFiles::build(pages, &options).unwrap();
        (site.manifest, site.files)
    };
    let one = build(1, pages.iter().map(parse).collect());
    assert_eq!(one, build(3, pages.iter().rev().map(parse).collect()));
    let files: BTreeMap<String, Vec<u8>> = one.1;
    assert!(files.len() > 2);
}

#[test]
fn what_the_attributes_of_a_page_say_is_read() {
    let html = "<html lang=en-GB><head><title>T</title><meta name=keywords content=' a, b '></head><body>\
        <nav>menu</nav><main data-pagefind-body><h1>Head<a href='#h' class=headerlink>¶</a></h1>\
        <p data-pagefind-filter='author'>Ann</p><p data-crossrank-filter='kind:guide, level[data-level]' data-level=2>Text \
        <span hidden>gone</span><b aria-hidden=true>gone</b><i data-pagefind-ignore>gone</i><i hidden=until-found>kept</i> \
        <time data-pagefind-sort='date' data-pagefind-meta='date'>2024-01-02</time><img alt=cat data-pagefind-index-attrs=alt>\
        <h2 id=two>Two</h2><section id=three><h2>Three</h2>more</section><dl><dt id=d>term</dt><dd>defined</dl>after\
        </main><footer>foot</footer>";
    let page = Page::parse("p.html", html.as_bytes()).unwrap();
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(
        (page.title.as_str(), page.language.as_str(), page.is_marked),
        ("Head", "en-gb", true)
    );
    assert_eq!(page.keywords, "a, b");
    assert_eq!(page.filters, [pair("author", "Ann"), pair("kind", "guide"), pair("level", "2")]);
    assert_eq!(
        (page.sorts, page.meta),
        (vec![pair("date", "2024-01-02")], vec![pair("date", "2024-01-02")])
    );
    let sections: Vec<(String, String, String)> = page
        .sections
        .iter()
        .map(|section| {
            (section.anchor.clone(), section.headings.join(" > "), section.passages.join(" | "))
        })
        .collect();
    let expected = [
        ("h", "Head", "Ann Text kept 2024-01-02 cat"),
        ("two", "Head > Two", ""),
        ("three", "Head > Three", "more after"),
        ("d", "Head > Three > term", "defined"),
    ];
    assert_eq!(sections, expected.map(|(a, b, c)| (a.into(), b.into(), c.into())));
    for html in [
        "<meta name=robots content='noindex, follow'>x",
        "<meta http-equiv=refresh content='0; url=x'>x",
    ] {
        assert!(Page::parse("p", html.as_bytes()).is_none(), "{html}");
    }
}

#[test]
fn broken_html_gives_its_text() {
    for (html, text) in [
        ("<p>one<p>two</div></b>three", "one twothree"),
        ("a < b & c &unknown; <", "a < b & c &unknown; <"),
        ("<table><tr>x<td>y", "x y"),
        ("before<script>var x", "before"),
        ("\0<main><main>in</main>\u{fffd}", "in \u{fffd}"),
    ] {
        let page = Page::parse("p", html.as_bytes()).unwrap();
        let passages: Vec<String> = page.sections.into_iter().flat_map(|s| s.passages).collect();
        assert_eq!(passages.join(" "), text, "{html}");
    }
    // The time of the parser grows with the square of the depth: this would take days.
    let deep = "start".to_owned() + &"<div>".repeat(3_000_000) + "end";
    let page = Page::parse("p", deep.as_bytes()).unwrap();
    assert_eq!((page.is_truncated, page.sections[0].passages[0].as_str()), (true, "start"));
    assert!(Page::parse("p", b"").unwrap().sections.is_empty());
}

#[test]
fn pages_are_searched_in_their_language() {
    let site = site(&[
        ("a.html", "<html lang=en><main>zebra houses"),
        ("b.html", "<html lang=de-AT><main>Zebra H\u{e4}user"),
        ("c.html", "<main>zebra barns"),
        ("e.html", "<html lang=en-US><main>more"),
        ("d.html", "<html lang=ja><main>\u{6771}\u{4eac}\u{90fd}\u{306e}\u{5929}\u{6c17}"),
    ]);
    let found = |query: &str, language: &str| {
        let options = SearchOptions { language: Some(language.into()), ..Default::default() };
        let (found, _) = search_with(&site, query, &options);
        found.results.into_iter().map(|result| result.url).collect::<Vec<_>>()
    };
    assert_eq!(found("zebra haus", "de"), ["b.html"]);
    // A page without a language is in that of most pages, in which a search in none of them searches too.
    assert_eq!(found("zebra", "en-US"), ["a.html", "c.html"]);
    assert_eq!(found("zebra", "fr"), ["a.html", "c.html"]);
    assert_eq!(found("\u{4eac}\u{90fd}", "ja"), ["d.html"]);
    assert_eq!(found("\u{5929}", "ja"), ["d.html"]);
}

#[test]
fn filters_and_sort_keys_choose_and_order_pages() {
    let page = |name: &str, kind: &str, date: &str| {
        let html = format!(
            "<main data-pagefind-filter='kind:{kind}' data-pagefind-sort='date:{date}'><h1>{name}</h1>zebra"
        );
        (format!("{name}.html"), html)
    };
    let pages = [page("a", "guide", "9"), page("b", "api", "10"), page("c", "guide", "8")];
    let pages: Vec<(&str, &str)> = pages.iter().map(|(u, h)| (u.as_str(), h.as_str())).collect();
    let site = site(&pages);
    let found = |kinds: &[&str], sort: Option<bool>| {
        let mut options = SearchOptions::default();
        let kinds: Vec<String> = kinds.iter().map(|kind| kind.to_string()).collect();
        options.filters.insert("kind".into(), kinds);
        options.sort = sort.map(|descending| SortKey { name: "date".into(), descending });
        let (found, _) = search_with(&site, "zebra", &options);
        assert_eq!(found.total, found.results.len());
        found.results.into_iter().map(|result| result.url).collect::<Vec<_>>()
    };
    assert_eq!(found(&["guide"], None).len(), 2);
    assert_eq!(found(&["api", "none"], None), ["b.html"]);
    assert!(found(&["none"], None).is_empty());
    assert_eq!(found(&[], Some(false)), ["c.html", "a.html", "b.html"]);
    assert_eq!(found(&["guide"], Some(true)), ["a.html", "c.html"]);
    let index = SiteIndex::new(&site.manifest).unwrap();
    let [kind] = index.filters() else { panic!() };
    assert_eq!((kind.values[1].value.as_str(), kind.values[1].count), ("guide", 2));
}

#[test]
fn titles_come_before_texts_and_do_not_move() {
    let long = "word ".repeat(3000);
    let html =
        |name: &str, more: &str| format!("<main><h1>{name}</h1>{long}<h2 id=x>{more}</h2>zebra");
    let (a, b) = (html("Horses", "Stripes"), html("Lions", "Zebra prey"));
    let site = site(&[("a.html", a.as_str()), ("b.html", b.as_str())]);
    let options = SearchOptions::default();
    let mut index = SiteIndex::new(&site.manifest).unwrap();
    let give = |index: &mut SiteIndex, names: Vec<String>| {
        names.iter().for_each(|name| index.add(name, &site.files[name]).unwrap());
    };
    // Without heads, there is nothing to show before the texts.
    let found = index.search("zebra ", &options);
    give(&mut index, found.needs);
    let found = index.search("zebra ", &options);
    assert_eq!((found.total, found.results.len(), found.is_partial), (2, 0, false));

    let useful = index.useful(None);
    assert!(useful.iter().all(|name| name.starts_with("heads-")) && useful.len() == 1);
    give(&mut index, useful);
    assert!(index.useful(None).is_empty());
    let partial = index.search("zebra ", &options);
    assert!(partial.is_partial && !partial.needs.is_empty());
    let shown: Vec<(&str, &str, usize)> = partial
        .results
        .iter()
        .map(|result| (result.url.as_str(), result.title.as_str(), result.excerpt.len()))
        .collect();
    assert_eq!(shown, [("b.html", "Lions", 0), ("a.html", "Horses", 0)]);
    // A text that the host does not have is no reason to leave out a result.
    index.fail(&partial.needs[0]).unwrap();
    give(&mut index, partial.needs[1..].to_vec());
    let found = index.search("zebra ", &options);
    assert_eq!((found.is_partial, found.missing.len(), found.results.len()), (false, 1, 2));
    give(&mut index, partial.needs);
    let found = index.search("zebra ", &options);
    let ids = |results: &[SearchResult]| results.iter().map(|r| r.id).collect::<Vec<_>>();
    assert_eq!(ids(&found.results), ids(&partial.results));
    assert_eq!((found.is_partial, found.results[0].url.as_str()), (false, "b.html#x"));
}

#[test]
fn sort_keys_are_numbers_before_texts() {
    let values = ["b", "10", "9", "9.0", "a", "-1", "NaN"].map(str::to_owned);
    let ranks = super::facets::ranks(&(0..).zip(values).collect::<Vec<_>>());
    let expected = [(0, 5), (1, 2), (2, 1), (3, 1), (4, 4), (5, 0), (6, 3)];
    assert_eq!(ranks, expected);
}

#[test]
fn files_that_are_missing_stale_or_damaged_are_named() {
    let site = site(&[("a.html", "<main><h1>One</h1>zebra"), ("b.html", "<main><h1>Two</h1>lion")]);
    let mut index = SiteIndex::new(&site.manifest).unwrap();
    let needs = index.search("zebra ", &SearchOptions::default()).needs;
    assert!(needs.iter().all(|name| name.starts_with("terms-")));
    let kind = |result: crate::Result<()>| result.unwrap_err().kind();
    assert_eq!(kind(index.add("terms-0000000000.bin", b"")), ErrorKind::InvalidArgument);
    assert_eq!(kind(index.fail("../private")), ErrorKind::InvalidArgument);
    assert_eq!(kind(index.add(&needs[0], b"<html>404")), ErrorKind::InvalidInput);
    for name in &needs {
        index.fail(name).unwrap();
    }
    let found = index.search("zebra ", &SearchOptions::default());
    assert_eq!((found.results.len(), found.missing), (0, needs.clone()));
    // The host has it after all.
    index.add(&needs[0], &site.files[&needs[0]]).unwrap();
    let texts = index.search("zebra ", &SearchOptions::default()).needs;
    assert!(texts[0].starts_with("texts-"), "{texts:?}");
    index.fail(&texts[0]).unwrap();
    let found = index.search("zebra ", &SearchOptions::default());
    assert_eq!((found.total, found.results.len(), found.missing), (1, 0, texts));

    for length in [0, 5, 8, site.manifest.len() - 1] {
        assert!(SiteIndex::new(&site.manifest[..length]).is_err());
    }
    let mut other = site.manifest.clone();
    other[7] += 1;
    let error = SiteIndex::new(&other).err().unwrap();
    assert!(error.to_string().contains("another version"), "{error}");
}

/// Vectors in which a word is one of two axes.
fn vectors() -> TokenVectors {
    let axis = |token: &str, axis: usize| {
        let vector = (0..16).map(|i| if i / 8 == axis { 1.0 } else { 0.1 }).collect();
        (token.to_owned(), vector)
    };
    let tokens = [("car", 0), ("auto", 0), ("##mobile", 0), ("zebra", 1), ("##s", 1), ("horse", 1)];
    TokenVectors::round("en".into(), 16, tokens.map(|(token, i)| axis(token, i)).into())
}

#[test]
fn passages_are_found_by_meaning() {
    let pages = [
        ("a.html", "<html lang=en><main><h1>Zebras</h1>zebra zebras"),
        ("b.html", "<html lang=en><main><h1>Automobile</h1>auto"),
    ];
    let pages = pages.iter().filter_map(|(url, html)| Page::parse(url, html.as_bytes()));
    let vectors = vectors();
    assert_eq!(TokenVectors::from_bytes(&vectors.to_bytes()).unwrap(), vectors);
    assert!(TokenVectors::from_bytes(b"CRSTATIC").is_err());
    let options =
        BuildOptions { vectors: Some(SiteVectors::Tokens(&vectors)), ..Default::default() };
    let site = SiteFiles::build(pages.collect(), &options).unwrap();
    let mut options = SearchOptions { vectors: true, ..Default::default() };
    let (found, _) = search_with(&site, "car", &options);
    assert_eq!((found.stage, found.total), (Stage::Vectors, 0));
    assert_eq!(found.results[0].url, "b.html");
    assert_eq!(found.results[0].passage, "Automobile auto");
    let (found, _) = search_with(&site, "horse", &options);
    assert_eq!(found.results[0].url, "a.html");
    // A cross-encoder has the last word.
    options.logits =
        found.results.iter().map(|r| (r.id, if r.url == "a.html" { -9.0 } else { 9.0 })).collect();
    options.logits.sort_by_key(|(id, _)| *id);
    let (reranked, _) = search_with(&site, "horse", &options);
    assert_eq!(reranked.stage, Stage::Reranked);
    // Without the files of vectors, words are searched.
    let mut index = SiteIndex::new(&site.manifest).unwrap();
    options.logits.clear();
    let found = loop {
        let found = index.search("zebra", &options);
        if found.needs.is_empty() {
            break found;
        }
        for name in found.needs {
            match name.starts_with("vectors") || name.starts_with("tokens") {
                true => index.fail(&name).unwrap(),
                false => index.add(&name, &site.files[&name]).unwrap(),
            }
        }
    };
    assert_eq!((found.stage, found.results[0].url.as_str()), (Stage::Terms, "a.html"));
    assert!(!found.missing.is_empty());
}

#[test]
fn a_query_brings_its_vector_where_an_embedder_made_those_of_the_site() {
    let pages = [
        ("a.html", "<html lang=en><main><h1>Zebras</h1>zebra zebras"),
        ("b.html", "<html lang=en><main><h1>Cars</h1>an automobile"),
        ("c.html", "<html lang=de><main><h1>Autos</h1>ein Auto"),
    ];
    let pages = pages.iter().filter_map(|(url, html)| Page::parse(url, html.as_bytes()));
    let embedder = Embedder::load("tests/data/embedders/bert").unwrap();
    let vectors = SiteVectors::Embedder { embedder: &embedder, language: "en" };
    let options = BuildOptions { vectors: Some(vectors), ..Default::default() };
    let site = SiteFiles::build(pages.collect(), &options).unwrap();
    let index = SiteIndex::new(&site.manifest).unwrap();
    assert_eq!((index.embedder(), index.has_vectors()), (Some(embedder.fingerprint()), true));
    assert!(!site.files.keys().any(|name| name.starts_with("tokens-")));

    let search = |vector, language: &str| {
        let language = Some(language.to_owned());
        let options = SearchOptions { vectors: true, vector, language, ..Default::default() };
        let (found, _) = search_with(&site, "unknown", &options);
        let urls: Vec<String> = found.results.into_iter().map(|result| result.url).collect();
        (found.stage, urls)
    };
    for (text, first) in [("Zebras zebra zebras", "a.html"), ("Cars an automobile", "b.html")] {
        let vector = embedder.embed_query(text).unwrap();
        let (stage, urls) = search(Some(vector.clone()), "en");
        assert_eq!((stage, urls[0].as_str(), urls.len()), (Stage::Vectors, first, 2));
        assert_eq!(search(Some(vector), "de"), (Stage::Terms, vec![]));
    }
    assert_eq!(search(None, "en"), (Stage::Terms, vec![]));
    assert_eq!(search(Some(vec![1.0; embedder.dimensions() - 1]), "en"), (Stage::Terms, vec![]));
}
