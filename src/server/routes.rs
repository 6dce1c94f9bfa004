//! The routes, and what answers each.

use std::sync::Arc;

use crate::error::one_line;

use super::api::{
    self, Batch, CohereErrors, CohereV1, CohereV2, Jina, OpenAi, Search, Tei, Voyage,
};
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
    path: &'static str,
    endpoint: Endpoint,
}

enum Endpoint {
    Rerank(&'static dyn RerankDialect),
    Embed(&'static dyn EmbedDialect),
    Info,
    Health,
    OpenApi,
    Metrics,
}

/// Every path takes one method.
static ROUTES: &[Route] = &[
    post("/v1/rerank", Endpoint::Rerank(&CohereV1)),
    post("/v2/rerank", Endpoint::Rerank(&CohereV2)),
    post("/v1/rerank/batch", Endpoint::Rerank(&Batch)),
    post("/jina/v1/rerank", Endpoint::Rerank(&Jina)),
    post("/voyage/v1/rerank", Endpoint::Rerank(&Voyage)),
    post("/rerank", Endpoint::Rerank(&Tei)),
    post("/search", Endpoint::Rerank(&Search)),
    post("/v1/embeddings", Endpoint::Embed(&OpenAi)),
    post("/embed", Endpoint::Embed(&Tei)),
    get("/info", Endpoint::Info),
    get("/health", Endpoint::Health),
    get("/openapi.json", Endpoint::OpenApi),
    get("/metrics", Endpoint::Metrics),
];

const fn get(path: &'static str, endpoint: Endpoint) -> Route {
    Route { method: "GET", path, endpoint }
}

const fn post(path: &'static str, endpoint: Endpoint) -> Route {
    Route { method: "POST", path, endpoint }
}

impl Endpoint {
    fn error_format(&self) -> &'static dyn ErrorFormat {
        match self {
            Endpoint::Rerank(dialect) => dialect.error_format(),
            Endpoint::Embed(dialect) => dialect.error_format(),
            Endpoint::Info | Endpoint::Health => &Tei,
            Endpoint::OpenApi | Endpoint::Metrics => &CohereErrors,
        }
    }
}

impl Server {
    /// A server of these models. Requests without a model name get the first.
    ///
    /// # Errors
    /// [`crate::ErrorKind::InvalidArgument`] for no models, two models of the same name, or an
    /// alias of a model that is not loaded.
    pub fn new(models: Vec<Model>, mut options: Options) -> crate::error::Result<Server> {
        let embedders = std::mem::take(&mut options.embedders);
        let aliases = std::mem::take(&mut options.aliases);
        let models = Models::new(models, embedders, aliases)?;
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
    /// `/health` needs no token, so that a load balancer can ask.
    pub fn admit(&self, request: &Request) -> Result<(), Response> {
        let route = route(&request.path);
        let matching = route.filter(|route| route.method == request.method);
        if !matching.is_some_and(|route| matches!(route.endpoint, Endpoint::Health))
            && let Err(message) = self.options.tokens.check(request.authorization.as_deref())
        {
            return Err(self.refuse(request, ApiError::new(ApiErrorKind::Unauthorized, message)));
        }
        match route {
            Some(_) if matching.is_some() => Ok(()),
            Some(Route { method, path, .. }) => {
                let message = format!("{path} takes {method}, not {}", one_line(&request.method));
                let error = ApiError::new(ApiErrorKind::MethodNotAllowed, message);
                Err(self.refuse(request, error).with("allow", *method))
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
        let Some(route) = route(&request.path).filter(|route| route.method == request.method)
        else {
            let error = ApiError::new(ApiErrorKind::NoRoute, "there is no such route");
            return Err(self.refuse(request, error));
        };
        let (models, options, metrics) = (&self.models, &self.options, &self.metrics);
        let prepared = match route.endpoint {
            Endpoint::Rerank(dialect) => self.check_size(request).and_then(|()| {
                ParsedRerank::new(dialect, request, models, options)?.prepare(metrics, cancelled)
            }),
            Endpoint::Embed(dialect) => self.check_size(request).and_then(|()| {
                ParsedEmbed::new(dialect, request, models, options)?.prepare(metrics, cancelled)
            }),
            Endpoint::Info => return Err(api::info(models, options)),
            Endpoint::Health => return Err(Response::empty(200)),
            Endpoint::OpenApi => return Err(openapi::response()),
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
        let format = route(&request.path).map(|route| route.endpoint.error_format());
        error.response(format.unwrap_or(&CohereErrors), &request.id)
    }

    /// Whether a model computes the answer of a request, which takes time.
    pub fn needs_model(&self, request: &Request) -> bool {
        route(&request.path).is_some_and(|route| {
            route.method == request.method
                && matches!(route.endpoint, Endpoint::Rerank(_) | Endpoint::Embed(_))
        })
    }

    /// The path for logs and counters. It is one of a few, whatever clients send.
    pub fn label(path: &str) -> &'static str {
        route(path).map_or("other", |route| route.path)
    }

    fn check_size(&self, request: &Request) -> Result<(), ApiError> {
        let limit = self.options.limits.body;
        if request.body.len() > limit { Err(ApiError::body_too_large(limit)) } else { Ok(()) }
    }
}

fn route(path: &str) -> Option<&'static Route> {
    ROUTES.iter().find(|route| route.path == path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_openapi_document_describes_the_routes_and_no_others() {
        let body = openapi::response().body;
        let document: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
        let described: std::collections::BTreeSet<(String, String)> = document["paths"]
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(path, methods)| {
                let methods = methods.as_object().unwrap().keys();
                methods.map(move |method| (method.to_uppercase(), path.clone()))
            })
            .collect();
        let routes = ROUTES.iter().map(|route| (route.method.to_owned(), route.path.to_owned()));
        assert_eq!(described, routes.collect());
    }
}
