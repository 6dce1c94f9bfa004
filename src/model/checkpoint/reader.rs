//! Reads the parts of an encoder by the names of its architecture.

use super::architectures::{Architecture, Distances, FeedForward, OutputNorm, Projections};
use super::distances::{OfLayers, Source};
use super::modules;
use super::settings::Settings;
use super::tensors::{Bias, Checkpoint};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{
    Activation, Config, Encoder, Head, Layer, Linear, ModelFiles, Output, Positions, Residuals,
};

/// Reads the parts of an encoder.
pub(super) struct Reader<'a> {
    pub architecture: &'static Architecture,
    pub settings: &'a Settings<'a>,
    pub tensors: &'a Checkpoint,
    /// What the names of the encoder's tensors begin with.
    pub prefix: &'static str,
}

impl Reader<'_> {
    pub fn encoder(&self, files: &ModelFiles, config: &Config) -> Result<Encoder> {
        let Reader { architecture, settings, tensors, .. } = *self;
        self.check_settings()?;
        let sizes = architecture.sizes;
        let [hidden, layers, heads] = [
            settings.count(sizes.hidden)?,
            settings.count(sizes.layers)?,
            settings.count(sizes.heads)?,
        ];
        settings.expect(sizes.heads, hidden.is_multiple_of(heads))?;
        settings
            .expect("embedding_size", settings.count_or("embedding_size", hidden)? == hidden)?;
        let eps = settings.number_or(architecture.eps.0, architecture.eps.1)? as f32;
        let source = Source { settings, tensors, prefix: self.prefix, hidden, heads, layers, eps };

        let table = |name: &str| {
            let name = self.named(name);
            let exists = tensors.contains(&format!("{name}.weight"));
            exists.then(|| tensors.small_table(&name, hidden)).transpose()
        };
        let positions = match table(architecture.positions)? {
            Some(table) => Positions::Embedded { table, scheme: config.position_scheme },
            None => Positions::Relative { max_length: config.max_positions },
        };
        let norm = |name: &str| tensors.norm(&self.named(name), hidden, eps, architecture.bias);
        let encoder = Encoder {
            heads,
            token_embeddings: tensors.table(&self.named(architecture.tokens), hidden)?,
            token_type_embeddings: table(architecture.token_types)?,
            positions,
            embedding_norm: norm(architecture.embedding_norm)?,
            residuals: match architecture.output_norm {
                OutputNorm::OfLayer(_) => Residuals::Normalized,
                OutputNorm::OfNextLayer { .. } => Residuals::Sums,
            },
            layers: self.layers(hidden, eps, source.of_layers(architecture.distances)?)?,
            head: match config.output {
                Output::Embedding(_) => Head::NONE,
                Output::Logit if config.is_classifier || !modules::exist(files) => {
                    self.head(config, hidden, eps)?
                }
                Output::Logit => modules::head(files, config, hidden)?,
            },
        };
        let parts = [architecture.layers, "embeddings", "encoder."].map(|part| self.named(part));
        let is_part = |name: &str| parts.iter().any(|part| name.starts_with(part));
        // Buffers of numbers that follow from the settings.
        let is_buffer = |name: &str| {
            [".position_ids", ".token_type_ids", ".inv_freq"].iter().any(|end| name.ends_with(end))
        };
        match tensors.unread(|name| is_part(name) && !is_buffer(name)) {
            None => Ok(encoder),
            Some(name) => Err(Error::new(
                ErrorKind::UnsupportedModel,
                format!(
                    "{} has the tensor {name}, which the model of config.json does not have in this library; \
                     export the model with `optimum-cli export onnx`",
                    tensors.files()
                ),
            )),
        }
    }

    /// Checks settings that change the computation, and that no tensor shows.
    fn check_settings(&self) -> Result<()> {
        let settings = self.settings;
        let kind = settings.text_or("position_embedding_type", "absolute")?;
        let known = match self.architecture.distances {
            Distances::Alibi => "alibi",
            Distances::Gte => "rope",
            _ => "absolute",
        };
        let is_known = settings.get("position_embedding_type").is_none() || kind == known;
        settings.expect("position_embedding_type", is_known)?;
        settings.expect("is_decoder", !settings.flag_or("is_decoder", false)?)?;
        let norm = settings.text_or("layer_norm_type", "layer_norm")?;
        settings.expect("layer_norm_type", norm == "layer_norm")
    }

    pub fn named(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn layers(&self, hidden: usize, eps: f32, distances: OfLayers) -> Result<Vec<Layer>> {
        let Reader { architecture, settings, tensors, .. } = *self;
        let Architecture { bias, .. } = *architecture;
        let activation = self.activation(settings)?;
        let count = distances.len();
        let numbered = distances.into_iter().enumerate();
        let layer = |(i, (relative, window)): (usize, _)| {
            let named =
                |i: usize, part: &str| self.named(&format!("{}{i}.{part}", architecture.layers));
            let name = |part: &str| named(i, part);
            let linear =
                |part: &str, inputs, outputs| tensors.linear(&name(part), inputs, outputs, bias);
            let norm = |name: &str| tensors.norm(name, hidden, eps, bias);
            let [query, key, value] = match architecture.projections {
                Projections::Separate([query, key, value]) => [
                    linear(query, hidden, hidden)?,
                    linear(key, hidden, hidden)?,
                    linear(value, hidden, hidden)?,
                ],
                Projections::Joined(joined) => {
                    tensors.parts(&name(joined), hidden, hidden, bias)?
                }
            };
            let (intermediate, gated) = self.feed_forward(&name, hidden)?;
            let intermediate = Linear { activation, ..intermediate };
            Ok(Layer {
                query,
                key,
                value,
                relative,
                window,
                attention_output: linear(architecture.attention_output, hidden, hidden)?,
                attention_norm: norm(&name(architecture.attention_norm))?,
                output: linear(architecture.output, intermediate.outputs, hidden)?,
                output_norm: match architecture.output_norm {
                    OutputNorm::OfLayer(of_layer) => norm(&name(of_layer))?,
                    OutputNorm::OfNextLayer { last, .. } if i + 1 == count => {
                        norm(&self.named(last))?
                    }
                    OutputNorm::OfNextLayer { name, .. } => norm(&named(i + 1, name))?,
                },
                intermediate,
                gated,
            })
        };
        numbered.map(layer).collect()
    }

    /// The first layers of the feed-forward block: the one with the activation, and one without, if it is gated.
    fn feed_forward(
        &self,
        name: &dyn Fn(&str) -> String,
        hidden: usize,
    ) -> Result<(Linear, Option<Linear>)> {
        let (tensors, bias) = (self.tensors, self.architecture.bias);
        let outputs = |name: &str| {
            let shape = tensors.shape(&format!("{name}.weight"))?;
            Ok::<_, Error>(shape.first().copied().unwrap_or(0))
        };
        match self.architecture.feed_forward {
            FeedForward::Plain(plain) => {
                let name = name(plain);
                Ok((tensors.linear(&name, hidden, outputs(&name)?, bias)?, None))
            }
            FeedForward::Gated(gated) => {
                let name = name(gated);
                let [first, second] =
                    tensors.parts(&name, hidden, outputs(&name)? / 2, Bias::Optional)?;
                Ok((first, Some(second)))
            }
            FeedForward::GatedLast(gated) => {
                let name = name(gated);
                let [first, second] =
                    tensors.parts(&name, hidden, outputs(&name)? / 2, Bias::Optional)?;
                Ok((second, Some(first)))
            }
            FeedForward::GatedApart(both) => {
                let [first, second] = both.map(|part| {
                    let name = name(part);
                    tensors.linear(&name, hidden, outputs(&name)?, bias)
                });
                Ok((first?, Some(second?)))
            }
        }
    }

    fn activation(&self, settings: &Settings) -> Result<Activation> {
        let (name, default) = self.architecture.activation;
        // JinaBERT's names, and those of NomicBERT's own code, are those of the gated block.
        match settings.text_or(name, default)? {
            "geglu" => Ok(Activation::Gelu),
            "reglu" => Ok(Activation::Relu),
            "swiglu" => Ok(Activation::Silu),
            _ => settings.activation(name, default),
        }
    }
}
