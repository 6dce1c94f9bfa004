//! The head of a cross-encoder that consists of modules of sentence-transformers.

use serde_json::Value;

use super::settings::Settings;
use super::tensors::{Bias, Checkpoint, WEIGHTS, invalid};
use crate::error::{Error, ErrorKind, Result};
use crate::model::embedding::{Module, PoolingConfig};
use crate::model::files::{ModelFiles, parse_json};
use crate::model::{Activation, Config, Head, HeadStep, Linear};

const MODULES: &str = "modules.json";
/// sentence-transformers' norm has the default of torch.
const EPS: f32 = 1e-5;
/// The maximum number of steps of a head.
const MAX_STEPS: usize = 16;

/// The folders of the modules after the encoder. Each holds `config.json` and, if it has weights,
/// `model.safetensors`.
///
/// # Errors
/// [`ErrorKind::InvalidModel`] if it is not a list of modules, or a folder is elsewhere.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn module_paths(modules: &[u8]) -> Result<Vec<String>> {
    let modules: Vec<Module> = parse_json(MODULES, modules)?;
    let paths = modules.into_iter().map(|module| module.path).filter(|path| !path.is_empty());
    let paths: Vec<String> = paths.collect();
    match paths.iter().find(|path| path.starts_with('.') || path.contains(['/', '\\', ':'])) {
        Some(path) => Err(invalid(format!("{MODULES} names a folder elsewhere ({path})"))),
        None => Ok(paths),
    }
}

/// The head that the modules make: a pooling, linear layers and norms.
pub(super) fn head(files: &ModelFiles, config: &Config, hidden: usize) -> Result<Head> {
    let Some(json) = files.embedding.get(MODULES) else {
        return Err(config.wrong_output("the states of tokens"));
    };
    let modules: Vec<Module> = parse_json(MODULES, json)?;
    if !modules.iter().any(|module| module.class.ends_with("Dense")) {
        return Err(config.wrong_output("the states of tokens"));
    }
    check_prompt(files)?;
    let (mut pooling, mut steps, mut width) = (None, Vec::new(), hidden);
    for Module { class, path } in modules {
        let kind = class.rsplit('.').next().unwrap_or_default();
        if kind == "Transformer" && pooling.is_none() {
            continue;
        }
        let file = format!("{path}/config.json");
        let content = files.embedding.get(&file).ok_or_else(|| {
            invalid(format!("the model lacks {file}, which {MODULES} names; download it too"))
        })?;
        let settings = Settings::parse(&file, content)?;
        match kind {
            "Pooling" if pooling.is_none() => {
                pooling = Some(parse_json::<PoolingConfig>(&file, content)?.mode()?);
            }
            "Dense" if pooling.is_some() => {
                let (linear, is_last) = dense(files, &path, &settings, width)?;
                width = linear.outputs;
                steps.push(HeadStep::Linear(if is_last {
                    linear.relevance(config)?
                } else {
                    linear
                }));
            }
            "LayerNorm" if pooling.is_some() => {
                settings.expect("dimension", settings.count("dimension")? == width)?;
                let norm = weights(files, &path)?.norm("norm", width, EPS, Bias::Required)?;
                steps.push(HeadStep::Norm(norm));
            }
            _ => return Err(unsupported(format!("its module {class} is not supported there"))),
        }
        if steps.len() > MAX_STEPS {
            return Err(unsupported(format!("its head has more than {MAX_STEPS} modules")));
        }
    }
    let pooling = pooling.ok_or_else(|| unsupported(format!("{MODULES} names no pooling")))?;
    Ok(Head { pooling, steps })
}

/// A linear layer, and whether its output is the score.
fn dense(
    files: &ModelFiles,
    path: &str,
    settings: &Settings,
    width: usize,
) -> Result<(Linear, bool)> {
    settings.expect("in_features", settings.count("in_features")? == width)?;
    settings.expect("use_residual", !settings.flag_or("use_residual", false)?)?;
    const VECTOR: &str = "sentence_embedding";
    let input = settings.text_or("module_input_name", VECTOR)?;
    settings.expect("module_input_name", input == VECTOR)?;
    let output = settings.text_or("module_output_name", VECTOR)?;
    settings.expect("module_output_name", [VECTOR, "scores"].contains(&output))?;
    let bias = match settings.flag_or("bias", true)? {
        true => Bias::Required,
        false => Bias::Optional,
    };
    let outputs = settings.count("out_features")?;
    let linear = weights(files, path)?.linear("linear", width, outputs, bias)?;
    let is_last = output == "scores";
    const ACTIVATION: &str = "activation_function";
    let activation = match settings.text_or(ACTIVATION, "Tanh")?.rsplit('.').next() {
        // The logit is what it is made of.
        Some("Sigmoid") if is_last => Activation::None,
        _ => settings.activation(ACTIVATION, "Tanh")?,
    };
    settings.expect(ACTIVATION, !is_last || activation == Activation::None)?;
    Ok((Linear { activation, ..linear }, is_last))
}

fn weights(files: &ModelFiles, path: &str) -> Result<Checkpoint> {
    let name = format!("{path}/{}", WEIGHTS);
    match files.embedding.get(&name) {
        Some(content) => Checkpoint::module(name, content.clone()),
        None => Err(invalid(format!(
            "the model lacks {name}, the weights of a module; download it too"
        ))),
    }
}

/// Refuses a text before each pair, of which the tokenizer knows nothing.
fn check_prompt(files: &ModelFiles) -> Result<()> {
    const FILE: &str = "config_sentence_transformers.json";
    let Some(json) = files.embedding.get(FILE) else { return Ok(()) };
    let settings: Value = parse_json(FILE, json)?;
    let name = settings["default_prompt_name"].as_str();
    match name
        .and_then(|name| settings["prompts"][name].as_str())
        .filter(|prompt| !prompt.is_empty())
    {
        Some(prompt) => {
            Err(unsupported(format!("{FILE} puts the prompt {prompt:?} before each pair")))
        }
        None => Ok(()),
    }
}

fn unsupported(reason: String) -> Error {
    Error::new(
        ErrorKind::UnsupportedModel,
        format!("this cross-encoder is not supported: {reason}"),
    )
}
