//! Rerank requests: the interface of a dialect, and the way from a body to a response.

use std::sync::Arc;

use serde_json::Value;

use crate::fusion::FusionWeights;
use crate::reranker::{
    LongDocuments, Pending, RankedDocument, Ranking, RerankOptions, Reranker, ScoredList,
};
use crate::tokenizer::Truncation;

use super::body;
use super::error::{ApiError, ApiErrorKind, ErrorFormat};
use super::index::SearchHit;
use super::metrics::Metrics;
use super::models::{Model, Models};
use super::options::Options;
use super::prepared::{LoadedModel, PreparedRequest};
use super::request::{Request, Response};

/// The requests and responses of one rerank API.
pub(super) trait RerankDialect: Sync {
    /// Reads a body.
    fn parse(&self, body: &str, options: &Options) -> Result<RerankBody, ApiError>;

    /// Writes the response.
    fn render(&self, answer: RerankAnswer) -> Result<Response, ApiError>;

    /// Writes errors.
    fn error_format(&self) -> &'static dyn ErrorFormat;

    /// The field that must not be empty; `None` where a request without documents is answered.
    fn required_field(&self) -> Option<&'static str> {
        Some("documents")
    }

    /// Whether a request may hold several queries. Its errors then name the query.
    fn is_batch(&self) -> bool {
        false
    }
}

/// The content of a body.
pub(super) struct RerankBody {
    pub model: Option<String>,
    pub lists: Vec<DocumentList>,
    pub settings: RerankSettings,
    /// The dialect of the response, where it depends on the body.
    pub reply: Option<&'static dyn RerankDialect>,
}

/// A query and its documents.
pub(super) struct DocumentList {
    pub query: String,
    pub documents: Vec<Document>,
}

/// A document, with all that the response needs of it.
pub(super) enum Document {
    Text(String),
    /// An object from the body, and the text that is scored.
    Object(String, Value),
    Hit(SearchHit),
}

/// The options of a request.
#[derive(Clone, Copy, Default)]
pub(super) struct RerankSettings {
    pub top_k: Option<usize>,
    pub max_document_tokens: Option<usize>,
    pub long_documents: Option<LongDocuments>,
    pub max_windows: Option<usize>,
    pub truncation: Truncation,
    pub return_documents: bool,
    /// Results with a lower score are left out.
    pub min_score: Option<f32>,
    pub raw_scores: bool,
    /// The documents keep their order and are not scored.
    pub skip_scoring: bool,
    /// The order is by the scores of all stages of a search.
    pub fusion: Option<FusionWeights>,
}

/// What a response is made of.
pub(super) struct RerankAnswer {
    pub id: String,
    /// The model's name, as the request gave it.
    pub model: String,
    pub lists: Vec<RankedList>,
    pub settings: RerankSettings,
}

/// A list with its ranking.
#[derive(Default)]
pub(super) struct RankedList {
    pub query: String,
    pub documents: Vec<Document>,
    /// Best first; empty where the documents were not scored.
    pub results: Vec<RankedDocument>,
    pub query_truncated: bool,
    /// The number of documents that were cut, ranked or not.
    pub truncated: usize,
    pub tokens: usize,
}

/// A request whose body was read.
pub(super) struct ParsedRerank {
    dialect: &'static dyn RerankDialect,
    error_format: &'static dyn ErrorFormat,
    id: String,
    model: Arc<Model>,
    model_name: String,
    lists: Vec<DocumentList>,
    settings: RerankSettings,
    max_tokens: usize,
}

impl AsRef<str> for Document {
    fn as_ref(&self) -> &str {
        match self {
            Document::Text(text) | Document::Object(text, _) => text,
            Document::Hit(hit) => &hit.text,
        }
    }
}

impl RerankBody {
    /// A body with one query.
    pub fn one_query(
        model: Option<String>,
        query: String,
        documents: impl IntoIterator<Item = Document>,
        settings: RerankSettings,
    ) -> RerankBody {
        let documents = documents.into_iter().collect();
        RerankBody { model, lists: vec![DocumentList { query, documents }], settings, reply: None }
    }
}

impl RerankSettings {
    /// The score of a result as the request wants it.
    pub fn score(&self, result: &RankedDocument) -> f32 {
        if self.raw_scores { result.logit } else { result.score }
    }
}

impl RerankAnswer {
    /// The number of tokens that the model read.
    pub fn tokens(&self) -> usize {
        self.lists.iter().map(|list| list.tokens).sum()
    }

    /// The list of a request with one query.
    pub fn list(&self) -> &RankedList {
        &self.lists[0]
    }
}

impl ParsedRerank {
    /// Reads the body, finds the model and checks the limits.
    pub fn new(
        dialect: &'static dyn RerankDialect,
        request: &Request,
        models: &Models,
        options: &Options,
    ) -> Result<ParsedRerank, ApiError> {
        let limits = options.limits;
        let RerankBody { model: name, lists, mut settings, reply } =
            body::read(request, limits.body, |text| dialect.parse(text, options))?;
        let error_format = dialect.error_format();
        let dialect = reply.unwrap_or(dialect);
        let name = name.filter(|name| !name.is_empty());
        settings.max_windows = settings.max_windows.or(options.max_windows);
        let model = models.reranker(name.as_deref())?.clone();
        let documents: usize = lists.iter().map(|list| list.documents.len()).sum();
        let count = documents.max(lists.len());
        if count > limits.documents {
            return Err(ApiError::new(
                ApiErrorKind::TooLong,
                format!(
                    "too many documents: the request has {count}, and the limit is {}; send \
                     several requests",
                    limits.documents
                ),
            ));
        }
        if let Some(field) = dialect.required_field().filter(|_| documents == 0) {
            return Err(ApiError::new(ApiErrorKind::Empty, format!("{field} must not be empty")));
        }
        let model_name = name.unwrap_or_else(|| model.name.clone());
        let (id, max_tokens) = (request.id.clone(), limits.tokens);
        Ok(ParsedRerank {
            dialect,
            error_format,
            id,
            model,
            model_name,
            lists,
            settings,
            max_tokens,
        })
    }

    /// Asks the cache and tokenizes. `cancelled` is called between texts.
    pub fn prepare(
        self,
        metrics: &Arc<Metrics>,
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<PreparedRequest, ApiError> {
        let reranker = self.model.reranker.current().clone();
        let lists = match self.settings.skip_scoring {
            true => Vec::new(),
            false => self.tokenize(&reranker, cancelled)?,
        };
        let metrics = metrics.clone();
        Ok(PreparedRequest {
            id: self.id.clone(),
            error_format: self.error_format,
            model: LoadedModel::Reranker(self.model.clone(), reranker.clone()),
            sequences: lists.iter().map(|pending| pending.encodings().clone()).collect(),
            finish: Box::new(move |logits| {
                let scored = finish(&reranker, lists, &logits)?;
                let documents = scored.iter().map(|list| list.scores.len()).sum();
                metrics.answered_for(documents, scored.iter().map(ScoredList::tokens).sum());
                self.answer(scored)
            }),
        })
    }

    /// Asks the cache and tokenizes, list by list.
    ///
    /// Windows have many more tokens than a document that is cut. Where they exceed the limit, the
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
                "too many tokens: the limit is {} for a request, in which the query counts once \
                 for each document; send fewer documents",
                self.max_tokens
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
            let rest = self.max_tokens - tokens;
            let pending = reranker.prepare_within(rest, &list.query, &list.documents, &options);
            let pending = pending.map_err(|e| match self.dialect.is_batch() {
                true => e.at(format_args!("query {i}")),
                false => e,
            })?;
            let Some(pending) = pending else { return Ok(None) };
            tokens += pending.tokens();
            lists.push(pending);
        }
        Ok(Some(lists))
    }

    /// Ranks and writes the response. `scored` is empty where the lists were not scored.
    fn answer(self, scored: Vec<ScoredList>) -> Result<Response, ApiError> {
        let settings = self.settings;
        // Fusion may put any document first, so the dialect cuts the list afterwards.
        let top_k = settings.top_k.filter(|_| settings.fusion.is_none()).unwrap_or(usize::MAX);
        let mut scored = scored.into_iter();
        let lists = self.lists.into_iter().map(|DocumentList { query, documents }| {
            let Some(scored) = scored.next() else {
                return Ok(RankedList { query, documents, ..RankedList::default() });
            };
            let (truncated, tokens) = (scored.truncated(), scored.tokens());
            let Ranking { results, query_truncated, .. } =
                scored.rank(top_k, settings.min_score)?;
            Ok(RankedList { query, documents, results, query_truncated, truncated, tokens })
        });
        let lists = lists.collect::<Result<Vec<RankedList>, ApiError>>()?;
        self.dialect.render(RerankAnswer { id: self.id, model: self.model_name, lists, settings })
    }
}

/// Turns logits into scores. `logits` are those of the lists' encodings, one list after another.
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
