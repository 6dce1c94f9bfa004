//! A request that was understood: what a model is to read, and how to answer.

use std::sync::Arc;

use serde_json::Value;

use crate::fusion::FusionWeights;
use crate::reranker::{LongDocuments, Pending, Ranking, RerankOptions, Reranker, ScoredList};
use crate::tokenizer::Truncation;

use super::embed::EmbedJob;
use super::error::{ApiError, ApiErrorKind};
use super::message::{Request, Response};
use super::work::{LoadedModel, PreparedRequest};
use super::{Api, Endpoint, Model, Server, batch, cohere, jina, parse, search, tei, voyage};

/// A request's texts, before they are tokens.
pub(super) enum ParsedRequest {
    Rerank(RerankJob),
    Embed(EmbedJob),
}

impl ParsedRequest {
    /// Reads a request's body. The endpoint is one that a model answers.
    pub fn parse(
        server: &Server,
        endpoint: Endpoint,
        request: &Request,
    ) -> Result<ParsedRequest, ApiError> {
        match endpoint {
            Endpoint::Rerank(api) => Ok(ParsedRequest::Rerank(parse::job(server, api, request)?)),
            Endpoint::Embed(api) => {
                Ok(ParsedRequest::Embed(EmbedJob::parse(server, api, request)?))
            }
            _ => Err(ApiError::new(ApiErrorKind::NoRoute, "no model answers this route")),
        }
    }

    /// The first step: cache and tokens. `cancelled` is asked between texts. The `Err` is the
    /// response, where there is nothing to read.
    pub fn prepare(
        self,
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<PreparedRequest, Response> {
        match self {
            ParsedRequest::Rerank(job) => job.prepare(cancelled),
            ParsedRequest::Embed(job) => job.prepare(cancelled),
        }
    }
}

/// Lists to score for one request.
pub(super) struct RerankJob {
    pub api: Api,
    pub id: String,
    pub model: Arc<Model>,
    /// What the request called the model.
    pub model_name: String,
    pub lists: Vec<List>,
    pub settings: Settings,
    pub most_tokens: usize,
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

impl RerankJob {
    fn prepare(self, cancelled: &(dyn Fn() -> bool + Sync)) -> Result<PreparedRequest, Response> {
        let (form, id) = (self.api.form(), self.id.clone());
        let refuse = |failure: ApiError| failure.response(form, &id);
        if self.settings.first_stage_only {
            return Err(search::first_stage(self).unwrap_or_else(refuse));
        }
        let reranker = self.model.reranker.current().clone();
        let lists = self.tokenize(&reranker, cancelled).map_err(refuse)?;
        Ok(PreparedRequest {
            reader: LoadedModel::Reranker(self.model.clone(), reranker.clone()),
            sequences: lists.iter().map(|pending| pending.encodings().clone()).collect(),
            finish: Box::new(move |server, logits| {
                let scored = logits.and_then(|logits| finish(&reranker, lists, &logits));
                if let Ok(lists) = &scored {
                    let documents = lists.iter().map(|list| list.scores.len()).sum();
                    let tokens = lists.iter().map(ScoredList::tokens).sum();
                    server.metrics.answered_for(documents, tokens);
                }
                self.answer(scored)
            }),
        })
    }

    /// Cache and tokens, list by list.
    ///
    /// Windows are many more tokens than a document that is cut: where they are over the limit, the
    /// documents of the request are cut.
    fn tokenize(
        &self,
        reranker: &Reranker,
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<Vec<Pending>, ApiError> {
        for long_documents in [self.settings.long_documents, Some(LongDocuments::Truncate)] {
            if let Some(lists) = self.prepare_lists(reranker, long_documents, cancelled)? {
                return Ok(lists);
            }
        }
        Err(ApiError::new(
            ApiErrorKind::TooLong,
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
        reranker: &Reranker,
        long_documents: Option<LongDocuments>,
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<Option<Vec<Pending>>, ApiError> {
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
            let pending = reranker.prepare(&list.query, &list.documents, &options);
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

    fn answer(self, outcome: Result<Vec<ScoredList>, ApiError>) -> Response {
        let (api, id) = (self.api, self.id.clone());
        let respond = || -> Result<Response, ApiError> {
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
            let lists = ranked.collect::<Result<Vec<Ranked>, ApiError>>()?;
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
        respond().unwrap_or_else(|failure| failure.response(api.form(), &id))
    }
}

/// Logits to scores. `logits` are those of the lists' encodings, one list after another.
fn finish(
    reranker: &Reranker,
    lists: Vec<Pending>,
    logits: &[f32],
) -> Result<Vec<ScoredList>, ApiError> {
    let mut rest = logits;
    let finished = lists.into_iter().map(|pending| {
        let (own, others) = rest.split_at_checked(pending.encodings().len()).unwrap_or_default();
        rest = others;
        reranker.finish(pending, own).map_err(ApiError::from)
    });
    finished.collect()
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
