//! `crossrank models`: lists the models that are known by name.

use std::fmt::Write;

use clap::{Args, ValueEnum};
use crossrank::ModelFiles;
use crossrank::hub::{self, Engine, HubOptions, Model, Task};
use serde::Serialize;

use crate::error::CliError;
use crate::output::json;
use crate::suggest;
use crate::units;

#[derive(Args)]
pub struct ModelsArgs {
    /// Show all that is known about this model
    #[arg(value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    filter: Filter,
    /// Print JSON, with the files in the repositories and the sources of the figures
    #[arg(long)]
    json: bool,
}

// Which models are listed. A model of which a fact is unknown matches no filter by it. (clap would take a
// documentation comment for that of the command.)
#[derive(Args)]
#[group(id = "filters", multiple = true, conflicts_with = "name")]
struct Filter {
    /// Only models for this
    #[arg(long)]
    task: Option<ModelTask>,
    /// Only models for texts in this language (a code such as de); multilingual models are for all
    #[arg(long, value_name = "CODE")]
    language: Option<String>,
    /// Only models of which crossrank pull takes a file of at most this size, in MB
    #[arg(long, value_name = "MB")]
    max_mb: Option<f64>,
    /// Only models with this licence, or any that is permissive (apache-2.0, mit, bsd, cc-by)
    #[arg(long, value_name = "NAME|permissive")]
    license: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum ModelTask {
    Rerank,
    Embed,
}

impl Filter {
    fn matches(&self, model: &Model) -> bool {
        let is_task = |task| match task {
            ModelTask::Rerank => model.task == Task::Rerank,
            ModelTask::Embed => model.task == Task::Embed,
        };
        let is_license = |license: &str| match license {
            "permissive" => model.is_permissive(),
            name => model.license.as_deref() == Some(name.to_lowercase().as_str()),
        };
        self.task.is_none_or(is_task)
            && self.language.as_deref().is_none_or(|language| model.reads(language))
            && self.max_mb.is_none_or(|max| model.megabytes().is_some_and(|size| size <= max))
            && self.license.as_deref().is_none_or(is_license)
    }
}

#[derive(Serialize)]
struct Listed {
    #[serde(flatten)]
    model: &'static Model,
    /// Whether the model is compiled in or in the cache.
    available: bool,
}

pub fn run(args: &ModelsArgs) -> Result<String, CliError> {
    let options = HubOptions::from_env();
    let listed = |model: &'static Model| -> Result<Listed, CliError> {
        // Builds from crates.io do not contain the bundled models.
        let available = match model.task {
            Task::Embed if model.bundled => ModelFiles::bundled_embedder().is_ok(),
            _ if model.bundled => ModelFiles::bundled_reranker().is_ok(),
            _ => hub::cached(&model.name, &options)?.is_some(),
        };
        Ok(Listed { model, available })
    };
    let Some(name) = &args.name else {
        let matching = hub::models().iter().filter(|model| args.filter.matches(model));
        let all = matching.map(listed).collect::<Result<Vec<_>, _>>()?;
        return Ok(match &all[..] {
            _ if args.json => json(&all),
            [] => "No known model is like that. crossrank models lists all.\n".to_owned(),
            all => table(all),
        });
    };
    let model = hub::find(name).ok_or_else(|| {
        let message = format!(
            "{name} is not a known model; crossrank models lists the known ones, and crossrank pull \
             also downloads other repositories"
        );
        CliError::new("invalid-argument", message).did_you_mean(suggest::model(name))
    })?;
    let listed = listed(model)?;
    Ok(if args.json { json(&listed) } else { details(&listed) })
}

fn table(all: &[Listed]) -> String {
    let headings = ["", "name", "parameters", "size", "tokens", "languages", "licence", "engine"];
    let mut rows = vec![headings.map(str::to_owned)];
    rows.extend(all.iter().map(|Listed { model, available }| {
        [
            if *available { "*" } else { "" }.to_owned(),
            model.name.clone(),
            number(model.million_parameters.map(|n| format!("{n} M"))),
            model.megabytes().map(size).unwrap_or_default(),
            number(model.max_tokens),
            model.languages.clone(),
            license(model),
            engine(model).to_owned(),
        ]
    }));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..headings.len()).filter_map(width).collect();
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
            // Columns of numbers are aligned to the right.
            if (2..5).contains(&column) {
                format!("{cell:>width$}")
            } else {
                format!("{cell:<width$}")
            }
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        writeln!(text, "{}", line.trim_end()).expect("writing to a string succeeds");
    }
    text + "*: available. crossrank pull NAME downloads another.\n"
}

fn details(Listed { model, available }: &Listed) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        if !value.is_empty() {
            writeln!(text, "{name:<14}{value}").expect("writing to a string succeeds");
        }
    };
    let task = match model.task {
        Task::Embed => "vectors of texts",
        _ => "reranking",
    };
    line("name", model.name.clone());
    line("also", model.aliases.join(", "));
    line("for", task.to_owned());
    line("available", if *available { "yes" } else { "no" }.to_owned());
    line("revision", model.revision.clone().unwrap_or_default());
    line("source", model.source.clone());
    line("repository", model.repository.clone().unwrap_or_default());
    for graph in &model.graphs {
        let size = graph.megabytes.map(|megabytes| format!(", {}", size(megabytes)));
        line("graph", format!("{}{}", graph.path, size.unwrap_or_default()));
    }
    line("architecture", model.architecture.clone());
    line("engine", engine(model).to_owned());
    line("parameters", number(model.million_parameters.map(|n| format!("{n} M"))));
    line("tokens", number(model.max_tokens));
    line("languages", model.languages.clone());
    line("licence", license(model));
    for quality in &model.quality {
        let hub::Quality { metric, set, value, source, .. } = quality;
        line("quality", format!("{metric} {value} on {set} ({source})"));
    }
    text
}

fn number(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn size(megabytes: f64) -> String {
    units::size((megabytes * 1e6) as u64)
}

fn license(model: &Model) -> String {
    let name = model.license.clone().unwrap_or_else(|| "unknown".into());
    let note = if model.forbids_commercial_use() { " (no commercial use)" } else { "" };
    name + note
}

/// What runs the model: the engine's own kernels, or general operators.
fn engine(model: &Model) -> &'static str {
    let is_safetensors = model.graphs.iter().all(|graph| graph.path.ends_with(".safetensors"));
    match model.engine {
        Engine::Fused if is_safetensors => "kernels (safetensors)",
        Engine::Fused => "kernels",
        Engine::General => "general operators",
        _ => "unknown",
    }
}
