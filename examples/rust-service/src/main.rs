//! A service that answers `GET /search?q=...`.

mod search;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing};
use serde::Deserialize;
use tokio::net::TcpListener;

use search::Search;

#[derive(Deserialize)]
struct Parameters {
    #[serde(default)]
    q: String,
}

/// Cancels a search when the request ends, also because its client went away.
struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

async fn answer(
    State(search): State<Arc<Search>>,
    Query(Parameters { q }): Query<Parameters>,
) -> Response {
    if q.trim().is_empty() {
        return failure(StatusCode::BAD_REQUEST, "ask a question: /search?q=...");
    }
    let cancelled = Arc::new(AtomicBool::new(false));
    let _guard = CancelOnDrop(cancelled.clone());
    // Ranking takes too long for a thread that serves requests.
    let ranked = tokio::task::spawn_blocking(move || -> crossrank::Result<Response> {
        let results = search.search(&q, &|| cancelled.load(Ordering::Relaxed))?;
        Ok(Json(results).into_response())
    });
    match ranked.await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => failure(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
        Err(error) => failure(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

fn failure(status: StatusCode, message: &str) -> Response {
    (status, Json(serde_json::json!({ "error": message }))).into_response()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let search = Arc::new(Search::load()?);
    let app = Router::new().route("/search", routing::get(answer)).with_state(search);
    let port = std::env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("http://{}/search?q=how+do+I+repair+a+flat+tire", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}
