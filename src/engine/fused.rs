//! A recognised encoder as a tract model of few operators of ours, on ragged batches.

use tract_onnx::tract_hir::internal::*;

use super::ops::{
    Attention, Embed, EmbedWeights, FirstToken, Linear, LinearWeights, Residual, ResidualWeights,
};
use crate::kernels::{Activation, Kernel};
use crate::model::{self, Encoder, Norm};
use crate::tokenizer::Encoding;

/// A plan whose inputs are token ids, segment ids and sequence offsets, and whose output is a
/// logit for each sequence.
pub(super) struct Fused {
    plan: Arc<TypedRunnableModel>,
    pub kernel: Kernel,
}

impl Fused {
    /// Packs the encoder's weights for `kernel`. Logits do not depend on which.
    pub fn new(encoder: Encoder, kernel: Kernel) -> TractResult<Fused> {
        let plan = Builder { model: TypedModel::default(), kernel }.build(encoder)?;
        Ok(Fused { plan: plan.into_runnable()?, kernel })
    }

    /// A logit for each pair.
    pub fn logits(&self, pairs: &[&Encoding]) -> TractResult<Vec<f32>> {
        let flat = |of: fn(&Encoding) -> &[u32]| {
            let numbers = pairs.iter().flat_map(|pair| of(pair)).map(|&id| i64::from(id));
            tensor1(&numbers.collect::<Vec<_>>()).into_tvalue()
        };
        let ends = pairs.iter().scan(0, |end, pair| {
            *end += pair.ids.len() as i64;
            Some(*end)
        });
        let offsets: Vec<i64> = std::iter::once(0).chain(ends).collect();
        let inputs =
            tvec!(flat(|pair| &pair.ids), flat(|pair| &pair.type_ids), tensor1(&offsets).into());
        let outputs = self.plan.run(inputs)?;
        Ok(outputs[0].try_as_plain_ram()?.as_slice::<f32>()?.to_vec())
    }

    /// The names of the operators that the plan runs, in their order.
    #[cfg(test)]
    pub fn operators(&self) -> Vec<String> {
        self.plan.model().nodes().iter().map(|node| node.op.name().to_string()).collect()
    }
}

struct Builder {
    model: TypedModel,
    kernel: Kernel,
}

impl Builder {
    fn build(mut self, encoder: Encoder) -> TractResult<TypedModel> {
        let tokens = self.model.symbols.new_with_prefix("tokens").to_dim();
        let sequences = self.model.symbols.new_with_prefix("sequences").to_dim();
        let ids = self.model.add_source("ids", i64::fact([tokens.clone()]))?;
        let segments = self.model.add_source("segments", i64::fact([tokens]))?;
        let offsets = self.model.add_source("offsets", i64::fact([sequences + 1]))?;

        let heads = encoder.heads;
        let embed = Embed(Arc::new(EmbedWeights {
            kernel: self.kernel,
            words: encoder.words,
            positions: encoder.positions,
            segments: encoder.segments,
            norm: encoder.embedding_norm,
        }));
        let mut state = self.wire("embed", embed, &[ids, segments, offsets])?;
        for (number, layer) in encoder.layers.into_iter().enumerate() {
            let name = |part: &str| format!("layer.{number}.{part}");
            let qkv = model::Linear::beside([&layer.query, &layer.key, &layer.value]);
            let qkv = self.linear(&name("qkv"), &qkv, Activation::None, state)?;
            let attention = Attention { kernel: self.kernel, heads };
            let context = self.wire(&name("attention"), attention, &[qkv, offsets])?;
            let output = [(&layer.attention_output, Activation::None)];
            let middle =
                self.residual(&name("middle"), &output, layer.attention_norm, context, state)?;
            let feed_forward =
                [(&layer.intermediate, Activation::Gelu), (&layer.output, Activation::None)];
            state =
                self.residual(&name("end"), &feed_forward, layer.output_norm, middle, middle)?;
        }
        let first = self.wire("first", FirstToken, &[state, offsets])?;
        let pooled = self.linear("pooler", &encoder.pooler, Activation::Tanh, first)?;
        let logits = self.linear("classifier", &encoder.classifier, Activation::None, pooled)?;
        self.model.select_output_outlets(&[logits])?;
        Ok(self.model)
    }

    fn linear(
        &mut self,
        name: &str,
        linear: &model::Linear,
        activation: Activation,
        input: OutletId,
    ) -> TractResult<OutletId> {
        let weights = LinearWeights::new(self.kernel, linear, activation);
        self.wire(name, Linear(Arc::new(weights)), &[input])
    }

    fn residual(
        &mut self,
        name: &str,
        linears: &[(&model::Linear, Activation)],
        norm: Norm,
        branch: OutletId,
        residual: OutletId,
    ) -> TractResult<OutletId> {
        let pack = |&(linear, activation)| LinearWeights::new(self.kernel, linear, activation);
        let linears = linears.iter().map(pack).collect();
        let weights = ResidualWeights { kernel: self.kernel, linears, norm };
        self.wire(name, Residual(Arc::new(weights)), &[branch, residual])
    }

    fn wire(
        &mut self,
        name: &str,
        op: impl Into<Box<dyn TypedOp>>,
        inputs: &[OutletId],
    ) -> TractResult<OutletId> {
        Ok(self.model.wire_node(name, op, inputs)?[0])
    }
}
