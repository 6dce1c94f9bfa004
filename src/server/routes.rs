//! The routes, and what answers each.

use std::sync::Arc;

use percent_encoding::percent_decode_str;

use crate::error::{Error, ErrorKind, one_line};

use super::api::{
    self, Batch, CohereErrors, CohereV1, CohereV2, Infinity, Jina, OpenAi, Root, Search, Tei,
    Voyage,
};
use super::body;
use super::embed::{EmbedDialect, ParsedEmbed};
use super::error::{ApiError, ApiErrorKind, ErrorFormat};
use super::metrics::Metrics;
use super::models::{Model, Models};
use super::openapi;
use super::options::{Limits, Options};
use super::prepared::PreparedRequest;
use super::request::{Request, Response};
use super::rerank::{ParsedRerank, RerankDialect};

/// The routes of loaded models.
pub struct Server {
    models: Models,
    options: Options,
    metrics: Arc<Metrics>,
}

struct Route {
    method: &'static str,
    /// The first is the one by which logs and counters name the route. `{model}` at the end stands
    /// for the rest of a path.
    paths: &'static [&'static str],
    endpoint: Endpoint,
}

/// A route, and what `{model}` stands for in its path.
struct Match {
    route: &'static Route,
    model: String,
}

enum Endpoint {
    Rerank(&'static dyn RerankDialect),
    Embed(&'static dyn EmbedDialect),
    Models,
    Model,
    Info,
    Health,
    /// The same with the status code that Weaviate's own container has.
    Ready,
    OpenApi,
    Metrics,
}

/// Every path takes one method.
static ROUTES: &[Route] = &[
    post(&["/v1/rerank", "/v1/reranking"], Endpoint::Rerank(&CohereV1)),
    post(&["/v2/rerank"], Endpoint::Rerank(&CohereV2)),
    post(&["/v1/rerank/batch"], Endpoint::Rerank(&Batch)),
    post(&["/jina/v1/rerank"], Endpoint::Rerank(&Jina)),
    post(&["/voyage/v1/rerank"], Endpoint::Rerank(&Voyage)),
    post(&["/infinity/rerank", "/infinity/v1/rerank"], Endpoint::Rerank(&Infinity)),
    post(&["/rerank", "/reranking"], Endpoint::Rerank(&Root)),
    post(&["/search"], Endpoint::Rerank(&Search)),
    post(
        &["/v1/embeddings", "/embeddings", "/infinity/embeddings", "/infinity/v1/embeddings"],
        Endpoint::Embed(&OpenAi),
    ),
    post(&["/embed", "/"], Endpoint::Embed(&Tei)),
    get(&["/v1/models", "/models"], Endpoint::Models),
    get(&["/v1/models/{model}", "/models/{model}"], Endpoint::Model),
    get(&["/info", "/meta"], Endpoint::Info),
    get(&["/health"], Endpoint::Health),
    get(&["/.well-known/ready", "/.well-known/live"], Endpoint::Ready),
    get(&["/openapi.json"], Endpoint::OpenApi),
    get(&["/metrics"], Endpoint::Metrics),
];

const fn get(paths: &'static [&'static str], endpoint: Endpoint) -> Route {
    Route { method: "GET", paths, endpoint }
}

const fn post(paths: &'static [&'static str], endpoint: Endpoint) -> Route {
    Route { method: "POST", paths, endpoint }
}

impl Route {
    fn takes(&self, method: &str) -> bool {
        method == self.method || (method == "HEAD" && self.method == "GET")
    }

    /// What `{model}` stands for in a path of this route; empty where the path has none. `None` for
    /// a path of another route.
    fn model<'p>(&self, path: &'p str) -> Option<&'p str> {
        self.paths.iter().find_map(|own| match own.strip_suffix("{model}") {
            Some(start) => path.strip_prefix(start),
            None => (path == *own).then_some(""),
        })
    }
}

impl Endpoint {
    fn error_format(&self) -> &'static dyn ErrorFormat {
        match self {
            Endpoint::Rerank(dialect) => dialect.error_format(),
            Endpoint::Embed(dialect) => dialect.error_format(),
            Endpoint::Models | Endpoint::Model => &OpenAi,
            Endpoint::Info | Endpoint::Health | Endpoint::Ready => &Tei,
            Endpoint::OpenApi | Endpoint::Metrics => &CohereErrors,
        }
    }
}

impl Server {
    /// A server of these models. Requests without a model name get the first.
    ///
    /// # Errors
    /// [`crate::ErrorKind::InvalidArgument`] for no models, two models of the same name, an alias
    /// of a model that is not loaded, or a prefix that is not a path.
    pub fn new(models: Vec<Model>, mut options: Options) -> crate::error::Result<Server> {
        let embedders = std::mem::take(&mut options.embedders);
        let aliases = std::mem::take(&mut options.aliases);
        let models = Models::new(models, embedders, aliases, options.accept_any_model)?;
        options.path_prefix = checked_prefix(&options.path_prefix)?;
        Ok(Server { models, options, metrics: Arc::default() })
    }

    /// The largest request.
    pub fn limits(&self) -> Limits {
        self.options.limits
    }

    /// The counters behind `/metrics`.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Checks what is known before the body is read: the route, the method and the token. The `Err`
    /// is the response.
    ///
    /// `/health` and Weaviate's routes of the kind need no token, so that a load balancer can ask.
    pub fn admit(&self, request: &Request) -> Result<(), Response> {
        let route = self.route(&request.path).map(|found| found.route);
        let matching = route.filter(|route| route.takes(&request.method));
        let is_open = matching
            .is_some_and(|route| matches!(route.endpoint, Endpoint::Health | Endpoint::Ready));
        if !is_open && let Err(message) = self.options.tokens.check(request) {
            return Err(self.refuse(request, ApiError::new(ApiErrorKind::Unauthorized, message)));
        }
        match route {
            Some(_) if matching.is_some() => {
                body::check_compression(request).map_err(|error| self.refuse(request, error))
            }
            Some(Route { method, paths, .. }) => {
                let message =
                    format!("{} takes {method}, not {}", paths[0], one_line(&request.method));
                let error = ApiError::new(ApiErrorKind::MethodNotAllowed, message);
                let allowed = if *method == "GET" { "GET, HEAD" } else { method };
                Err(self.refuse(request, error).with("allow", allowed))
            }
            None => {
                let path = one_line(&request.path);
                let message =
                    format!("there is no route {path}; GET /openapi.json lists the routes");
                Err(self.refuse(request, ApiError::new(ApiErrorKind::NoRoute, message)))
            }
        }
    }

    /// Reads an admitted request and tokenizes its texts. A search asks the index here. `cancelled`
    /// is called between texts. The `Err` is the response, where no model is needed or the request
    /// fails.
    pub fn prepare(
        &self,
        request: &Request,
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<PreparedRequest, Response> {
        let found = self.route(&request.path).filter(|found| found.route.takes(&request.method));
        let Some(Match { route, model }) = found else {
            let error = ApiError::new(ApiErrorKind::NoRoute, "there is no such route");
            return Err(self.refuse(request, error));
        };
        let (models, options, metrics) = (&self.models, &self.options, &self.metrics);
        let prepared = match route.endpoint {
            Endpoint::Rerank(dialect) => ParsedRerank::new(dialect, request, models, options)
                .and_then(|parsed| parsed.prepare(metrics, cancelled)),
            Endpoint::Embed(dialect) => ParsedEmbed::new(dialect, request, models, options)
                .and_then(|parsed| parsed.prepare(metrics, cancelled)),
            Endpoint::Models => return Err(self.written(request, api::models::list(models))),
            Endpoint::Model => {
                return Err(self.written(request, api::models::one(models, &model)));
            }
            Endpoint::Info => return Err(api::info(models, options)),
            Endpoint::Health => return Err(Response::empty(200)),
            Endpoint::Ready => return Err(Response::empty(204)),
            Endpoint::OpenApi => return Err(openapi::response(&options.path_prefix)),
            Endpoint::Metrics => {
                let cache = options.cache.as_ref().map(|cache| cache.stats());
                return Err(Response::text(200, metrics.text(cache)));
            }
        };
        prepared.map_err(|error| self.refuse(request, error))
    }

    /// Answers a request on the caller's thread.
    pub fn respond(&self, mut request: Request) -> Response {
        if let Err(response) = self.admit(&request) {
            return response;
        }
        loop {
            let prepared = match self.prepare(&request, &|| false) {
                Ok(prepared) => prepared,
                Err(response) => return response,
            };
            if !prepared.may_retry() {
                request.body = Vec::new();
            }
            let outputs = prepared.model().run_all(prepared.sequences());
            if !prepared.must_retry(&outputs) {
                return prepared.answer(outputs);
            }
        }
    }

    /// The response to a request that fails outside the routes, for example because the queue is
    /// full. The body has the form that clients of the route expect.
    pub fn refuse(&self, request: &Request, error: ApiError) -> Response {
        let format = self.route(&request.path).map(|found| found.route.endpoint.error_format());
        error.response(format.unwrap_or(&CohereErrors), &request.id)
    }

    /// Whether a model computes the answer of a request, which takes time.
    pub fn needs_model(&self, request: &Request) -> bool {
        self.route(&request.path).is_some_and(|Match { route, .. }| {
            route.takes(&request.method)
                && matches!(route.endpoint, Endpoint::Rerank(_) | Endpoint::Embed(_))
        })
    }

    /// The path for logs and counters. It is one of a few, whatever clients send.
    pub fn label(&self, path: &str) -> &'static str {
        self.route(path).map_or("other", |found| found.route.paths[0])
    }

    fn written(&self, request: &Request, response: Result<Response, ApiError>) -> Response {
        response.unwrap_or_else(|error| self.refuse(request, error))
    }

    /// The route of a path, below the prefix or without it. Clients that join addresses carelessly
    /// send doubled slashes, and a slash at the end.
    fn route(&self, path: &str) -> Option<Match> {
        let path = joined(path);
        let below = path.strip_prefix(&self.options.path_prefix).and_then(find);
        below.or_else(|| find(&path))
    }
}

fn find(path: &str) -> Option<Match> {
    let path = if path.is_empty() { "/" } else { path };
    ROUTES.iter().find_map(|route| {
        let model = percent_decode_str(route.model(path)?).decode_utf8_lossy().into_owned();
        Some(Match { route, model })
    })
}

/// The parts of a path with one slash before each; empty for the root.
fn joined(path: &str) -> String {
    path.split('/').filter(|part| !part.is_empty()).flat_map(|part| ["/", part]).collect()
}

fn checked_prefix(prefix: &str) -> crate::error::Result<String> {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~/".contains(&b);
    if prefix.bytes().all(is_plain) {
        return Ok(joined(prefix));
    }
    let message = format!(
        "the path prefix {} must be like /rerankers, of letters, digits and -._~/",
        one_line(prefix)
    );
    Err(Error::new(ErrorKind::InvalidArgument, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_openapi_document_describes_the_routes_and_no_others() {
        let body = openapi::response("/below").body;
        let document: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(document["servers"][0]["url"], "/below/");
        let described: std::collections::BTreeSet<(String, String)> = document["paths"]
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(path, methods)| {
                let methods = methods.as_object().unwrap().keys();
                methods.map(move |method| (method.to_uppercase(), path.clone()))
            })
            .collect();
        let routes =
            ROUTES.iter().map(|route| (route.method.to_owned(), route.paths[0].to_owned()));
        assert_eq!(described, routes.collect());
        for route in ROUTES {
            let operation = &document["paths"][route.paths[0]][route.method.to_lowercase()];
            let description = operation["description"].as_str().unwrap_or_default();
            for path in &route.paths[1..] {
                let named =
                    description.split(' ').any(|word| word.trim_end_matches(['.', ',']) == *path);
                assert!(named, "{} is not in the description of {}", path, route.paths[0]);
            }
        }
    }
}
