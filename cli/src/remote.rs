//! `--remote`: the service that scores instead of a local model.

use clap::{Args, ValueEnum};
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
    /// The API that the service speaks
    #[arg(long, value_enum, default_value_t = ApiArg::Cohere, requires = "remote")]
    api: ApiArg,
    /// The service's name for the model. All APIs except tei require it
    #[arg(long, value_name = "NAME", requires = "remote")]
    remote_model: Option<String>,
    /// Name of the environment variable that holds the service's key
    #[arg(long, value_name = "NAME", requires = "remote")]
    api_key_env: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum ApiArg {
    /// Cohere's, version 2
    Cohere,
    /// Jina's
    Jina,
    /// Voyage's
    Voyage,
    /// That of Hugging Face's Text Embeddings Inference
    Tei,
}

impl From<ApiArg> for Api {
    fn from(api: ApiArg) -> Api {
        match api {
            ApiArg::Cohere => Api::Cohere,
            ApiArg::Jina => Api::Jina,
            ApiArg::Voyage => Api::Voyage,
            ApiArg::Tei => Api::Tei,
        }
    }
}

impl RemoteArgs {
    pub fn open(&self) -> Result<Option<Remote>, CliError> {
        let Some(url) = &self.remote else { return Ok(None) };
        let mut options = RemoteOptions::new(url, self.api.into());
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
