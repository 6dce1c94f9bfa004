//! A request that was understood: what to score, and how to answer.

use std::sync::Arc;

use serde_json::Value;

use crate::fusion::FusionWeights;
use crate::reranker::{LongDocuments, Pending, Ranking, RerankOptions, Reranker, ScoredList};
use crate::tokenizer::Truncation;

use super::failure::{Failure, FailureKind};
use super::message::Response;
use super::{Api, Model, batch, cohere, jina, search, tei, voyage};

/// Lists to score for one request.
pub struct Job {
    pub(super) api: Api,
    pub(super) id: String,
    pub(super) model: Arc<Model>,
    /// What the request called the model.
    pub(super) model_name: String,
    pub(super) lists: Vec<List>,
    pub(super) settings: Settings,
    pub(super) most_tokens: usize,
}

pub(super) struct List {
    pub query: String,
    pub documents: Vec<Document>,
}

/// A document: the text to score, and the object that it came in, if it was not a plain string.
pub(super) struct Document {
    pub text: String,
    pub object: Option<Value>,
}

impl AsRef<str> for Document {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

impl From<String> for Document {
    fn from(text: String) -> Document {
        Document { text, object: None }
    }
}

/// What a request asks for beside its texts.
#[derive(Clone, Copy, Default)]
pub(super) struct Settings {
    pub top_k: Option<usize>,
    pub max_document_tokens: Option<usize>,
    pub long_documents: Option<LongDocuments>,
    pub max_windows: Option<usize>,
    pub truncation: Truncation,
    pub return_documents: bool,
    /// Leave out results with a lower score.
    pub min_score: Option<f32>,
    pub raw_scores: bool,
    /// The documents have their order and are not scored.
    pub first_stage_only: bool,
    /// Order by the scores of all stages of a search.
    pub fuse: Option<FusionWeights>,
}

/// A list with its ranking.
pub(super) struct Ranked {
    pub documents: Vec<Document>,
    pub ranking: Ranking,
    /// The list's documents that were cut, ranked or not.
    pub truncated: usize,
    pub tokens: usize,
}

impl Job {
    /// The model that scores.
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    fn reranker(&self) -> &Reranker {
        &self.model.reranker
    }

    /// The first step: cache and tokens, list by list. `cancelled` is asked between documents.
    ///
    /// Windows are many more tokens than a document that is cut: where they are over the limit, the
    /// documents of the request are cut.
    pub fn prepare(&self, cancelled: &(dyn Fn() -> bool + Sync)) -> Result<Vec<Pending>, Failure> {
        for long_documents in [self.settings.long_documents, Some(LongDocuments::Truncate)] {
            if let Some(lists) = self.prepare_lists(long_documents, cancelled)? {
                return Ok(lists);
            }
        }
        Err(Failure::new(
            FailureKind::TooLong,
            format!(
                "too many tokens: the limit is {} in one request, with the query counted once a \
                 document; send fewer documents",
                self.most_tokens
            ),
        ))
    }

    /// `None` where the lists have too many tokens.
    fn prepare_lists(
        &self,
        long_documents: Option<LongDocuments>,
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<Option<Vec<Pending>>, Failure> {
        let options = RerankOptions {
            long_documents,
            max_document_tokens: self.settings.max_document_tokens,
            max_windows: self.settings.max_windows,
            truncation: self.settings.truncation,
            cancelled: Some(cancelled),
            ..RerankOptions::default()
        };
        let (mut lists, mut tokens) = (Vec::new(), 0);
        for (i, list) in self.lists.iter().enumerate() {
            let pending = self.reranker().prepare(&list.query, &list.documents, &options);
            let pending = pending.map_err(|e| match self.api {
                Api::Batch => e.at(format_args!("query {i}")),
                _ => e,
            })?;
            tokens += pending.tokens();
            if tokens > self.most_tokens {
                return Ok(None);
            }
            lists.push(pending);
        }
        Ok(Some(lists))
    }

    /// The last step before the answer: logits to scores. `logits` are those of the lists'
    /// encodings, one list after another.
    pub fn finish(&self, lists: Vec<Pending>, logits: &[f32]) -> Result<Vec<ScoredList>, Failure> {
        let mut rest = logits;
        let finished = lists.into_iter().map(|pending| {
            let (own, others) =
                rest.split_at_checked(pending.encodings().len()).unwrap_or_default();
            rest = others;
            self.reranker().finish(pending, own).map_err(Failure::from)
        });
        finished.collect()
    }

    /// All steps before the answer, on the caller's thread and the model's own.
    pub fn score(&self, cancelled: &(dyn Fn() -> bool + Sync)) -> Result<Vec<ScoredList>, Failure> {
        let lists = self.prepare(cancelled)?;
        let mut logits = Vec::new();
        for pending in &lists {
            logits.extend(self.reranker().score_pending(pending, cancelled)?);
        }
        self.finish(lists, &logits)
    }

    /// The response.
    pub fn answer(self, outcome: Result<Vec<ScoredList>, Failure>) -> Response {
        let (api, id) = (self.api, self.id.clone());
        let respond = || -> Result<Response, Failure> {
            // What is fused is cut afterwards.
            let top_k = self.settings.top_k.filter(|_| self.settings.fuse.is_none());
            let top_k = top_k.unwrap_or(usize::MAX);
            let ranked = self.lists.into_iter().zip(outcome?).map(|(list, scored)| {
                Ok(Ranked {
                    documents: list.documents,
                    ranking: scored.rank(top_k, self.settings.min_score)?,
                    truncated: scored.truncated(),
                    tokens: scored.tokens(),
                })
            });
            let lists = ranked.collect::<Result<Vec<Ranked>, Failure>>()?;
            let answer =
                Answer { id: self.id, model: self.model_name, lists, settings: self.settings };
            Ok(match api {
                Api::CohereV1 => cohere::response(answer, "1"),
                Api::CohereV2 => cohere::response(answer, "2"),
                Api::Batch => batch::response(answer),
                Api::Jina => jina::response(answer),
                Api::Voyage => voyage::response(answer),
                Api::Tei => tei::response(answer),
                Api::Search => search::response(answer)?,
            })
        };
        respond().unwrap_or_else(|failure| failure.response(api, &id))
    }
}

/// What a response is made of.
pub(super) struct Answer {
    pub id: String,
    pub model: String,
    pub lists: Vec<Ranked>,
    pub settings: Settings,
}

impl Answer {
    /// The list of a request with one query.
    pub fn list(&self) -> &Ranked {
        &self.lists[0]
    }
}
