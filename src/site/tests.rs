//! The module as a program uses it.

use std::collections::BTreeMap;

use super::*;

fn site(pages: &[(&str, &str)]) -> SiteFiles {
    let pages = pages.iter().filter_map(|(url, html)| Page::parse(url, html.as_bytes()));
    SiteFiles::build(pages.collect(), &BuildOptions::default())
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
fn the_same_pages_give_the_same_files() {
    let pages: Vec<(String, String)> = (0..200)
        .map(|i| (format!("{i}.html"), format!("<h1>Page {i}</h1><p>{}", "word stem ".repeat(i))))
        .collect();
    let parse = |(url, html): &(String, String)| Page::parse(url, html.as_bytes()).unwrap();
    let build = |threads, pages: Vec<Page>| {
        let site = SiteFiles::build(pages, &BuildOptions { threads, ..Default::default() });
        (site.manifest, site.files)
    };
    let one = build(1, pages.iter().map(parse).collect());
    assert_eq!(one, build(3, pages.iter().rev().map(parse).collect()));
    let files: BTreeMap<String, Vec<u8>> = one.1;
    assert!(files.len() > 2);
}
