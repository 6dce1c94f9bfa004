//! Collects the report, and prints it.

use clap::Args;
use crossrank::hub::{self, HubOptions};
use serde::Serialize;

use super::caches::{self, CachedModel, Folder};
use super::machine::Machine;
use super::network::{self, Setting};
use super::problem::Problem;
use super::self_test::SelfTest;
#[cfg(feature = "gpu")]
use crate::device::gpu;
use crate::error::CliError;
use crate::output::{self, Part, Text, json};
use crate::units;

#[derive(Args)]
pub struct DoctorArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    version: &'static str,
    /// The features that this build has.
    features: Vec<&'static str>,
    machine: Machine,
    #[cfg(feature = "gpu")]
    gpus: Vec<crossrank::gpu::Adapter>,
    /// `None` if this build holds no model, or if the model does not work.
    self_test: Option<SelfTest>,
    bundled_models: Vec<BundledModel>,
    model_cache: Folder,
    cached_models: Vec<CachedModel>,
    /// Where measurements of GPUs are kept.
    #[cfg(feature = "gpu")]
    device_cache: Option<Folder>,
    settings: Vec<Setting>,
    problems: Vec<Problem>,
}

#[derive(Serialize)]
struct BundledModel {
    name: &'static str,
    revision: Option<&'static str>,
}

const FEATURES: [(&str, bool); 5] = [
    ("general", cfg!(feature = "general")),
    ("gpu", cfg!(feature = "gpu")),
    ("mcp", cfg!(feature = "mcp")),
    ("search", cfg!(feature = "search")),
    ("serve", cfg!(feature = "serve")),
];

/// Prints the report. Fails if anything is broken.
pub fn run(args: &DoctorArgs) -> Result<String, CliError> {
    let report = Report::make()?;
    let text = if args.json { json(&report).into() } else { report.text() };
    output::print(&text)?;
    match report.problems.iter().filter(|problem| problem.is_broken()).count() {
        0 => Ok(String::new()),
        count => {
            let message = format!("{count} of the problems above must be solved");
            Err(CliError::new("broken", message))
        }
    }
}

impl Report {
    fn make() -> Result<Report, CliError> {
        let options = HubOptions::from_env();
        let mut problems = Vec::new();
        let bundled = hub::models().iter().filter(|model| model.bundled);
        let bundled = bundled
            .map(|model| BundledModel { name: &model.name, revision: model.revision.as_deref() });
        Ok(Report {
            version: env!("CARGO_PKG_VERSION"),
            features: FEATURES.iter().filter(|(_, has)| *has).map(|(name, _)| *name).collect(),
            machine: Machine::examine(),
            #[cfg(feature = "gpu")]
            gpus: gpu::find()?,
            self_test: SelfTest::run(&mut problems),
            bundled_models: bundled.collect(),
            model_cache: Folder::examine(&options.cache, "HF_HUB_CACHE", &mut problems),
            cached_models: caches::models(&options),
            #[cfg(feature = "gpu")]
            device_cache: gpu::cache_folder()
                .map(|folder| Folder::examine(&folder, "XDG_CACHE_HOME", &mut problems)),
            settings: network::settings(&options, &mut problems),
            problems,
        })
    }

    fn text(&self) -> Text {
        let Machine { os, arch, system, cpu, threads, features, kernels, memory } = &self.machine;
        let mut table = Table(Text::default());
        table.row("crossrank", format!("{} with {}", self.version, self.features.join(", ")));
        let system = system.iter().map(|system| format!(", {system}"));
        table.row("system", format!("{os} {arch}{}", system.collect::<String>()));
        let cpu = cpu.iter().map(|cpu| format!("{cpu}, ")).collect::<String>();
        table.row("cpu", format!("{cpu}{threads} threads"));
        table.row("features", features.join(", "));
        table.row("kernels", kernels.join(", "));
        if let Some(memory) = memory {
            let [total, available] = [memory.total, memory.available].map(units::size);
            table.row("memory", format!("{total}, {available} available"));
        }
        #[cfg(feature = "gpu")]
        for name in names(self.gpus.iter().map(ToString::to_string)) {
            table.row("gpu", name);
        }
        for BundledModel { name, revision } in &self.bundled_models {
            let revision = revision.map(|revision| format!(", revision {revision}"));
            table.row("bundled", format!("{name}{}", revision.unwrap_or_default()));
        }
        let test = match &self.self_test {
            Some(test) if test.is_passed() => {
                let time = units::time(test.time);
                let kernel = test.kernel.unwrap_or("general");
                format!("passed: a pair has the expected score, by {kernel} in {time}")
            }
            Some(_) => "failed: a pair has another score than expected".to_owned(),
            None => "not done, because no bundled model could be loaded".to_owned(),
        };
        table.row("self-test", test);
        table.row("model cache", self.model_cache.to_string());
        let cached = self.cached_models.iter();
        for name in names(cached.map(|CachedModel { name, graph }| format!("{name}: {graph}"))) {
            table.row("model", name);
        }
        #[cfg(feature = "gpu")]
        if let Some(folder) = &self.device_cache {
            table.row("gpu cache", folder.to_string());
        }
        let settings = self.settings.iter();
        for setting in names(settings.map(|Setting { name, value }| format!("{name}={value}"))) {
            table.row("setting", setting);
        }
        for problem in &self.problems {
            let part = if problem.is_broken() { Part::Error } else { Part::Warning };
            table.styled_row("problem", part, problem.message().to_owned());
        }
        if self.problems.is_empty() {
            table.row("problem", "none".to_owned());
        }
        table.0
    }
}

/// The names, or that there are none.
fn names(names: impl Iterator<Item = String>) -> Vec<String> {
    let names: Vec<String> = names.collect();
    if names.is_empty() { vec!["none".to_owned()] } else { names }
}

struct Table(Text);

impl Table {
    fn row(&mut self, name: &str, value: String) {
        self.styled_row(name, Part::Plain, value);
    }

    fn styled_row(&mut self, name: &str, part: Part, value: String) {
        self.0.push(Part::Heading, format!("{name:<12}"));
        self.0.push(part, output::one_line(&value).into_owned());
        self.0.push(Part::Plain, "\n");
    }
}
