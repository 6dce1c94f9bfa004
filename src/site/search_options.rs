//! What a search is asked, and what it answers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Options of [`SiteIndex::search`](super::SiteIndex::search).
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct SearchOptions {
    /// The largest number of results.
    pub limit: usize,
    /// The language to search in, such as that of the page with the search box. Without it, or where
    /// the site has no pages in it, it is the language with the most sections.
    pub language: Option<String>,
    /// For names of filters, the values of which a page must have one.
    pub filters: BTreeMap<String, Vec<String>>,
    /// The sort key by whose values results are ordered, those of pages without one at the end.
    pub sort: Option<SortKey>,
    /// Whether to search by meaning too, where the site has vectors.
    pub vectors: bool,
    /// The query's vector by the embedder that made the site's vectors, where one did: without it, such a site is
    /// searched by words only.
    pub vector: Option<Vec<f32>>,
    /// The logits of a cross-encoder for sections that were found, by their numbers. They have a part in
    /// the order.
    pub logits: Vec<(u32, f32)>,
}

impl Default for SearchOptions {
    fn default() -> SearchOptions {
        SearchOptions {
            limit: 10,
            language: None,
            filters: BTreeMap::new(),
            sort: None,
            vectors: false,
            vector: None,
            logits: Vec::new(),
        }
    }
}

/// An order by what pages state.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SortKey {
    /// The name of the sort key.
    pub name: String,
    /// Whether the largest value is first.
    #[serde(default)]
    pub descending: bool,
}

/// How the results were ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Stage {
    /// By their words.
    Terms,
    /// By their words and their meaning.
    Vectors,
    /// Also by a cross-encoder.
    Reranked,
}

/// What a search found with the files that the index has.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SearchResults {
    /// How the results were ordered.
    pub stage: Stage,
    /// The names of files with which the next search says more. If there are none, these results are
    /// final.
    pub needs: Vec<String>,
    /// The names of files that this search would have used and that the host does not have.
    pub missing: Vec<String>,
    /// The number of sections found; those that are only similar in meaning are not counted.
    pub total: usize,
    /// Whether the order is final and texts are needed: results without their texts have an empty excerpt, and the
    /// address and title of their page.
    pub is_partial: bool,
    /// The results, best first, without those of which nothing is there.
    pub results: Vec<SearchResult>,
}

/// A section that a search found.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SearchResult {
    /// The number of the section in this build of the site.
    pub id: u32,
    /// The address of the section, relative to the site's folder.
    pub url: String,
    /// The title of the page.
    pub title: String,
    /// The heading of the section; empty if it is the page's title.
    pub section: String,
    /// All headings above the text, outermost first.
    pub headings: Vec<String>,
    /// A part of the text around the words of the query.
    pub excerpt: Vec<Fragment>,
    /// What a cross-encoder should read: titles and the best passage.
    pub passage: String,
    /// Higher is better. Scores of different queries cannot be compared.
    pub score: f32,
    /// Facts that the page states, such as an image.
    pub meta: Vec<(String, String)>,
}

/// A part of an excerpt.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Fragment {
    /// The text.
    pub text: String,
    /// Whether it is a word of the query.
    #[serde(rename = "match")]
    pub is_match: bool,
}
