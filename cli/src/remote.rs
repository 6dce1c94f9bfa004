//! `--remote`: the service that scores instead of a local model.

use clap::Args;
use crossrank::{Api, Remote, RemoteOptions};

use crate::error::CliError;

#[derive(Args)]
pub struct RemoteArgs {
    /// Ask the rerank service at this address instead of a local model
    #[arg(
        long,
        value_name = "URL",
        conflicts_with_all = ["model", "threads", "max_length", "long_documents"]
    )]
    remote: Option<String>,
    /// The API that the service speaks: cohere, jina, voyage or tei
    #[arg(long, value_name = "NAME", default_value = "cohere", requires = "remote")]
    api: String,
    /// The service's name for the model; required by all APIs except tei
    #[arg(long, value_name = "NAME", requires = "remote")]
    remote_model: Option<String>,
    /// The environment variable that holds the service's key
    #[arg(long, value_name = "NAME", requires = "remote")]
    api_key_env: Option<String>,
}

impl RemoteArgs {
    pub fn open(&self) -> Result<Option<Remote>, CliError> {
        let Some(url) = &self.remote else { return Ok(None) };
        let mut options = RemoteOptions::new(url, self.api.parse::<Api>()?);
        options.model = self.remote_model.clone();
        options.api_key = self.api_key_env.as_deref().map(key).transpose()?;
        Ok(Some(Remote::new(options)?))
    }
}

fn key(variable: &str) -> Result<String, CliError> {
    std::env::var(variable).map_err(|_| {
        let message = format!("--api-key-env names {variable}, which is not set; export the key");
        CliError::new("invalid-argument", message)
    })
}
