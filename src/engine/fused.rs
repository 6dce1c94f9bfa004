//! A recognised encoder as a tract model of few operators of ours, on ragged batches.

use tract_onnx::tract_hir::internal::*;

use super::ops::{
    Attention, Embed, EmbedWeights, FirstToken, Linear, LinearWeights, Residual, ResidualWeights,
};
use crate::kernels::{Activation, Kernel};
use crate::model::{self, Encoder, Norm};
use crate::tokenizer::Encoding;

/// An encoder in stages: the embeddings, each layer, the head. The first stage reads token ids,
/// segment ids and sequence offsets, the others states and offsets, and the last gives a logit for
/// each sequence.
///
/// Stages are plans of their own, so that a thread that must not be held for long can stop between
/// them.
pub(super) struct Fused {
    stages: Vec<Arc<TypedRunnableModel>>,
    pub kernel: Kernel,
}

/// A batch on its way through the stages.
pub(super) struct Run {
    /// What the next stage reads, and the offsets, which each stage reads.
    inputs: TVec<TValue>,
    offsets: TValue,
    stage: usize,
}

impl Fused {
    /// Packs the encoder's weights for `kernel`. Logits do not depend on which.
    pub fn new(encoder: Encoder, kernel: Kernel) -> TractResult<Fused> {
        Ok(Fused { stages: stages(encoder, kernel)?, kernel })
    }

    pub fn start(&self, pairs: &[&Encoding]) -> Run {
        let flat = |of: fn(&Encoding) -> &[u32]| {
            let numbers = pairs.iter().flat_map(|pair| of(pair)).map(|&id| i64::from(id));
            tensor1(&numbers.collect::<Vec<_>>()).into_tvalue()
        };
        let ends = pairs.iter().scan(0, |end, pair| {
            *end += pair.ids.len() as i64;
            Some(*end)
        });
        let offsets: Vec<i64> = std::iter::once(0).chain(ends).collect();
        Run {
            inputs: tvec!(flat(|pair| &pair.ids), flat(|pair| &pair.type_ids)),
            offsets: tensor1(&offsets).into(),
            stage: 0,
        }
    }

    /// Runs the next stage. The last one gives the logits.
    pub fn step(&self, run: &mut Run) -> TractResult<Option<Vec<f32>>> {
        let mut inputs = std::mem::take(&mut run.inputs);
        inputs.push(run.offsets.clone());
        let stage = self.stages.get(run.stage).context("the batch has been scored")?;
        run.inputs = stage.run(inputs)?;
        run.stage += 1;
        if run.stage < self.stages.len() {
            return Ok(None);
        }
        Ok(Some(run.inputs[0].try_as_plain_ram()?.as_slice::<f32>()?.to_vec()))
    }

    /// The names of the operators that the stages run, in their order.
    #[cfg(test)]
    pub fn operators(&self) -> Vec<String> {
        let nodes = self.stages.iter().flat_map(|stage| stage.model().nodes());
        nodes.map(|node| node.op.name().to_string()).collect()
    }
}

fn stages(encoder: Encoder, kernel: Kernel) -> TractResult<Vec<Arc<TypedRunnableModel>>> {
    let heads = encoder.heads;
    let width = encoder.embedding_norm.gamma.len();

    let mut stage = Stage::new(kernel);
    let ids = stage.source("ids", i64::fact([stage.tokens.clone()]))?;
    let segments = stage.source("segments", i64::fact([stage.tokens.clone()]))?;
    let offsets = stage.offsets()?;
    let embed = Embed(Arc::new(EmbedWeights {
        kernel,
        words: encoder.words,
        positions: encoder.positions,
        segments: encoder.segments,
        norm: encoder.embedding_norm,
    }));
    let states = stage.wire("embed", embed, &[ids, segments, offsets])?;
    let mut stages = vec![stage.finish(states)?];

    for layer in encoder.layers {
        let mut stage = Stage::new(kernel);
        let (state, offsets) = (stage.states(width)?, stage.offsets()?);
        let qkv = model::Linear::beside([&layer.query, &layer.key, &layer.value]);
        let qkv = stage.linear("qkv", &qkv, Activation::None, state)?;
        let context = stage.wire("attention", Attention { kernel, heads }, &[qkv, offsets])?;
        let output = [(&layer.attention_output, Activation::None)];
        let middle = stage.residual("middle", &output, layer.attention_norm, context, state)?;
        let feed_forward =
            [(&layer.intermediate, Activation::Gelu), (&layer.output, Activation::None)];
        let end = stage.residual("end", &feed_forward, layer.output_norm, middle, middle)?;
        stages.push(stage.finish(end)?);
    }

    let mut stage = Stage::new(kernel);
    let (state, offsets) = (stage.states(width)?, stage.offsets()?);
    let first = stage.wire("first", FirstToken, &[state, offsets])?;
    let pooled = stage.linear("pooler", &encoder.pooler, Activation::Tanh, first)?;
    let logits = stage.linear("classifier", &encoder.classifier, Activation::None, pooled)?;
    stages.push(stage.finish(logits)?);
    Ok(stages)
}

/// A stage that is being built.
struct Stage {
    model: TypedModel,
    kernel: Kernel,
    tokens: TDim,
}

impl Stage {
    fn new(kernel: Kernel) -> Stage {
        let model = TypedModel::default();
        let tokens = model.symbols.new_with_prefix("tokens").to_dim();
        Stage { model, kernel, tokens }
    }

    fn source(&mut self, name: &str, fact: TypedFact) -> TractResult<OutletId> {
        self.model.add_source(name, fact)
    }

    fn states(&mut self, width: usize) -> TractResult<OutletId> {
        self.source("states", f32::fact([self.tokens.clone(), width.to_dim()]))
    }

    fn offsets(&mut self) -> TractResult<OutletId> {
        let sequences = self.model.symbols.new_with_prefix("sequences").to_dim();
        self.source("offsets", i64::fact([sequences + 1]))
    }

    fn finish(mut self, output: OutletId) -> TractResult<Arc<TypedRunnableModel>> {
        self.model.select_output_outlets(&[output])?;
        self.model.into_runnable()
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
