//! `crossrank mcp`: the library's routes as tools of the Model Context Protocol, on standard input
//! and output.

use std::sync::Arc;

use clap::Args;
use crossrank::server::{Request, Server};
use rmcp::handler::server::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ErrorData,
    Implementation, JsonObject, ListToolsResult, PaginatedRequestParams, ServerCapabilities,
    ServerConfig, Tool, ToolAnnotations,
};
use rmcp::service::{RequestContext, RoleServer};
use rmcp::{ServiceExt, transport};
use serde_json::Value;

use crate::device::Reporter;
use crate::error::{CliError, io};
use crate::routes::RoutesArgs;

#[derive(Args)]
pub struct McpArgs {
    #[command(flatten)]
    routes: RoutesArgs,
}

/// A tool, and the route that answers it.
struct ToolRoute {
    name: &'static str,
    path: &'static str,
    description: &'static str,
    /// The schema of its arguments in the routes' OpenAPI document.
    schema: &'static str,
}

const RERANK: ToolRoute = ToolRoute {
    name: "rerank",
    path: "/v1/rerank",
    description: "Order documents by their relevance to a query, best first, with a \
                  cross-encoder. Results have the index of the document in the request and a \
                  relevance_score from 0 to 1.",
    schema: "CohereV1Request",
};

const SEARCH: ToolRoute = ToolRoute {
    name: "search",
    path: "/search",
    description: "Search the indexed files, and order the passages found by their relevance to \
                  the query. Results have the passage, its file and line, and a score.",
    schema: "SearchRequest",
};

/// Answers the protocol's requests.
struct Tools {
    server: Arc<Server>,
    routes: Vec<ToolRoute>,
    tools: Vec<Tool>,
}

/// Serves until standard input ends. Standard output carries the protocol and nothing else.
pub fn run(args: &McpArgs) -> Result<String, CliError> {
    let (models, options) = args.routes.load(Reporter::STDERR)?;
    let mut routes = vec![RERANK];
    if options.index.is_some() {
        routes.push(SEARCH);
    }
    let tools = Tools::new(Server::new(models, options)?, routes);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(io("cannot start"))?;
    let served = runtime.block_on(async {
        let failed = |error: String| CliError::new("protocol", error);
        let running = tools.serve(transport::stdio()).await.map_err(|e| failed(e.to_string()))?;
        running.waiting().await.map_err(|e| failed(e.to_string()))
    });
    // A read from standard input cannot be interrupted.
    runtime.shutdown_background();
    served.map(|_| String::new())
}

impl Tools {
    fn new(server: Server, routes: Vec<ToolRoute>) -> Tools {
        let document = server.respond(request("GET", "/openapi.json", Vec::new(), String::new()));
        let document = json(&document.body);
        let tool = |route: &ToolRoute| {
            let schema = document["components"]["schemas"][route.schema].as_object();
            let schema = schema.expect("the document has the schema").clone();
            let hints = ToolAnnotations::new().read_only(true).open_world(false);
            Tool::new(route.name, route.description, Arc::new(schema)).with_annotations(hints)
        };
        let tools = routes.iter().map(tool).collect();
        Tools { server: Arc::new(server), routes, tools }
    }

    /// Answers by a route. What the route refuses is an error of the tool, which the model that
    /// called it can read and mend.
    async fn call(
        &self,
        path: &str,
        arguments: JsonObject,
        id: String,
    ) -> Result<CallToolResult, ErrorData> {
        let body = Value::Object(arguments).to_string().into_bytes();
        let (server, request) = (self.server.clone(), request("POST", path, body, id));
        let response = tokio::task::spawn_blocking(move || server.respond(request)).await;
        let response = response.map_err(|_| {
            let message = "this is a bug in crossrank; please report the request";
            ErrorData::internal_error(message, None)
        })?;
        let answer = json(&response.body);
        Ok(match response.status {
            200 => CallToolResult::structured(answer),
            _ => {
                let message = answer["message"].as_str().unwrap_or("the request failed");
                CallToolResult::error(vec![ContentBlock::text(message)])
            }
        })
    }
}

impl ServerHandler for Tools {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("crossrank", env!("CARGO_PKG_VERSION")))
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(self.tools.clone()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let route = self.routes.iter().find(|route| route.name == request.name);
        let Some(route) = route else {
            let message = match &*request.name {
                "search" => "there is no index; start crossrank mcp with --index".to_owned(),
                name => format!("there is no tool {name}; tools/list lists the tools"),
            };
            return Err(ErrorData::invalid_params(message, None));
        };
        let arguments = request.arguments.unwrap_or_default();
        Ok(self.call(route.path, arguments, context.id.to_string()).await?.into())
    }
}

fn request(method: &str, path: &str, body: Vec<u8>, id: String) -> Request {
    Request { method: method.into(), path: path.into(), id, body, ..Request::default() }
}

fn json(body: &[u8]) -> Value {
    serde_json::from_slice(body).expect("the routes answer with JSON")
}
