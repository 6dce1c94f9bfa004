//! `crossrank pull`: downloads a model from the hub into the cache.

use clap::Args;
use crossrank::hub::{self, HubOptions, Progress};

use crate::error::CliError;
use crate::output::{bytes_bar, line, one_line};
use crate::suggest;
use crate::units;

#[derive(Args)]
pub struct PullArgs {
    /// The model's name, such as BAAI/bge-reranker-base. Run crossrank models for the known ones
    #[arg(value_name = "NAME")]
    name: String,
    /// A branch, a tag or a commit
    #[arg(long, value_name = "REVISION", default_value = "main")]
    revision: String,
    /// The path in the repository of the graph, or of model.safetensors [default: the first of the usual
    /// paths of graphs, int8 before floats; else model.safetensors]
    #[arg(long, value_name = "PATH")]
    file: Option<String>,
    /// The hub's address [default: HF_ENDPOINT, or https://huggingface.co]
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
}

pub fn run(args: &PullArgs) -> Result<String, CliError> {
    let bar = bytes_bar(0);
    let progress = |Progress { file, loaded, total, .. }: Progress| {
        bar.set_length(total);
        bar.set_position(loaded);
        if bar.message() != one_line(file) {
            bar.set_message(one_line(file).into_owned());
        }
    };
    let mut options = HubOptions::from_env();
    options.revision = args.revision.clone();
    options.file = args.file.clone();
    options.endpoint = args.endpoint.clone().unwrap_or(options.endpoint);
    options.progress = Some(&progress);
    let pulled = hub::pull(&args.name, &options);
    bar.finish_and_clear();
    let snapshot = pulled.map_err(|error| {
        let is_known = hub::find(&args.name).is_some();
        let hint = if is_known { None } else { suggest::model(&args.name) };
        CliError::from(error).did_you_mean(hint)
    })?;
    let form = match snapshot.graph.ends_with(".onnx") {
        true => "",
        false => " (weights in safetensors, which become int8 when they are loaded)",
    };
    Ok(line(&format!(
        "{}: {}{form}, {}, in {}",
        args.name,
        snapshot.graph,
        units::size(snapshot.bytes),
        snapshot.folder.display()
    )))
}
