//! The heads for labels that transformers has.

use super::architectures::HeadPart;
use super::reader::Reader;
use super::tensors::{Bias, Checkpoint};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Config, Head, HeadStep, Linear, Pooling};

impl Reader<'_> {
    /// The head of a model whose class ends in `ForSequenceClassification`.
    pub(super) fn head(&self, config: &Config, hidden: usize, eps: f32) -> Result<Head> {
        let Reader { architecture, settings, tensors, .. } = *self;
        // The pooler of some models is a part of their encoder.
        let name = |name: &str| match tensors.contains(&format!("{name}.weight")) {
            true => name.to_owned(),
            false => self.named(name),
        };
        let dense = |part: &str, activation| {
            let linear = tensors.linear(&name(part), hidden, hidden, architecture.bias)?;
            Ok(HeadStep::Linear(Linear { activation, ..linear }))
        };
        let step = |part: &HeadPart| match *part {
            HeadPart::Dense(part, activation) => dense(part, activation),
            HeadPart::DenseOf(part, (key, default)) => {
                dense(part, settings.activation(key, default)?)
            }
            HeadPart::Norm(part) => {
                tensors.norm(&name(part), hidden, eps, architecture.bias).map(HeadStep::Norm)
            }
            HeadPart::Labels(part) => labels(tensors, &name(part), config, hidden),
        };
        let pooling = match settings.text_or("classifier_pooling", "cls")? {
            "cls" => Pooling::First,
            "mean" => Pooling::Mean,
            _ => return Err(settings.unknown("classifier_pooling")),
        };
        let steps = architecture.head.iter().map(step).collect::<Result<_>>()?;
        Ok(Head { pooling, steps })
    }
}

/// The last layer, of whose outputs one is the relevance.
fn labels(tensors: &Checkpoint, name: &str, config: &Config, inputs: usize) -> Result<HeadStep> {
    let weight = format!("{name}.weight");
    if !tensors.contains(&weight) {
        return Err(Error::new(
            ErrorKind::UnsupportedModel,
            format!(
                "{} has no {weight}: the model was saved without its head; take a cross-encoder that was \
                 saved whole",
                tensors.files()
            ),
        ));
    }
    let outputs = tensors.shape(&weight)?.first().copied().unwrap_or(0);
    let linear = tensors.linear(name, inputs, outputs, Bias::Optional)?;
    linear.relevance(config).map(HeadStep::Linear)
}
