//! Two stages: a search by words finds candidates, and the reranker puts them in order.

use bm25::{SearchEngine, SearchEngineBuilder, Tokenizer};
use crossrank::{RerankOptions, Reranker};
use serde::{Deserialize, Serialize};

#[derive(Deserialize, Serialize)]
pub struct Document {
    id: u32,
    title: String,
    text: String,
}

#[derive(Serialize)]
pub struct Scored<'a> {
    #[serde(flatten)]
    document: &'a Document,
    score: f32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Results<'a> {
    by_words: Vec<&'a Document>,
    reranked: Vec<Scored<'a>>,
}

struct Words;

impl Tokenizer for Words {
    fn tokenize(&self, text: &str) -> Vec<String> {
        let words = text.split(|c: char| !c.is_alphanumeric());
        words.filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
    }
}

pub struct Search {
    documents: Vec<Document>,
    /// What both stages read of each document.
    texts: Vec<String>,
    index: SearchEngine<u32, u32, Words>,
    reranker: Reranker,
}

impl Search {
    pub fn load() -> Result<Self, Box<dyn std::error::Error>> {
        let documents: Vec<Document> = serde_json::from_str(include_str!("../documents.json"))?;
        let texts: Vec<_> = documents
            .iter()
            .map(|Document { title, text, .. }| format!("{title}. {text}"))
            .collect();
        let builder =
            SearchEngineBuilder::<u32, u32, Words>::with_tokenizer_and_corpus(Words, texts.clone());
        let index = builder.build();
        Ok(Self { documents, texts, index, reranker: Reranker::bundled()? })
    }

    /// The best ten documents of each stage. It fails soon after `cancelled` returns true.
    pub fn search(
        &self,
        query: &str,
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> crossrank::Result<Results<'_>> {
        let hits = self.index.search(query, 30);
        let found: Vec<usize> = hits.iter().map(|hit| hit.document.id as usize).collect();
        let texts: Vec<&str> = found.iter().map(|&i| self.texts[i].as_str()).collect();
        let mut options = RerankOptions::default();
        options.top_k = Some(10);
        options.cancelled = Some(cancelled);
        let ranking = self.reranker.rerank_with(query, &texts, &options)?;
        let document = |place: usize| &self.documents[found[place]];
        Ok(Results {
            by_words: (0..found.len().min(10)).map(document).collect(),
            reranked: ranking
                .results
                .iter()
                .map(|result| Scored { document: document(result.index), score: result.score })
                .collect(),
        })
    }
}
