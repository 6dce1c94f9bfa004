//! Rounding to the steps of a scale, as an operator for tract.
//!
//! tract divides by a constant by a multiplication with its reciprocal, which rounds another number now
//! and then.

use tract_onnx::Onnx;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::tract_core::ops::element_wise::{ElementWiseMiniOp, ElementWiseOp};

/// The name of the operator in a graph. Its attributes are `scale`, `low` and `high`.
pub(super) const ROUND: &str = "RoundToSteps";

/// `clamp(round(x / scale), low, high)`, where ties go to the even number. A NaN, which no integer is,
/// becomes the lowest number, as in ONNX Runtime. Masks whose scale is too large give one.
#[derive(Clone, Debug, PartialEq)]
struct RoundToSteps {
    scale: f32,
    low: f32,
    high: f32,
}

/// Adds the operator to a reader of graphs.
pub(super) fn register(mut onnx: Onnx) -> Onnx {
    fn build(
        _: &tract_onnx::model::ParsingContext,
        node: &NodeProto,
    ) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
        let [scale, low, high] = ["scale", "low", "high"].map(|name| node.get_attr(name));
        let op = RoundToSteps { scale: scale?, low: low?, high: high? };
        Ok((ElementWiseOp(Box::new(op), None).into_hir(), vec![]))
    }
    onnx.op_register.insert(ROUND, build);
    onnx
}

impl RoundToSteps {
    fn round(&self, x: f32) -> f32 {
        (x / self.scale).round_ties_even().max(self.low).min(self.high)
    }
}

/// No field is NaN.
impl Eq for RoundToSteps {}

impl ElementWiseMiniOp for RoundToSteps {
    fn name(&self) -> String {
        ROUND.into()
    }

    fn eval_in_place(&self, tensor: &mut Tensor, _: Option<DatumType>) -> TractResult<()> {
        // Floats of 16 bits were widened before tract read the graph.
        let mut numbers = tensor.try_as_plain_ram_mut()?;
        numbers.as_slice_mut::<f32>()?.iter_mut().for_each(|x| *x = self.round(*x));
        Ok(())
    }
}
