//! The arithmetic of `QuantizeLinear` and `DequantizeLinear` on constants (ONNX operator definitions,
//! opset 10 to 25).

/// A constant of floats, row-major. Quantized numbers are the floats that hold the same integers.
pub(in crate::engine) struct FloatConstant {
    pub shape: Vec<usize>,
    pub floats: Vec<f32>,
}

/// The scales and zero points of a constant.
pub(super) struct Parameters {
    pub scales: Vec<f32>,
    /// None if all are 0.
    pub zero_points: Option<Vec<f32>>,
    /// The axis that has a scale for each index, if there are several scales.
    pub axis: i64,
    /// The number of indices of the axis that share a scale, where other axes do not. With 0, each
    /// index has its own, and the other axes share it.
    pub block: i64,
}

impl FloatConstant {
    /// `(x - zero_point) * scale` for each number. `None` if the parameters do not fit.
    pub(super) fn dequantized(self, parameters: &Parameters) -> Option<FloatConstant> {
        self.map(parameters, |x, scale, zero_point| (x - zero_point) * scale)
    }

    /// `clamp(round(x / scale) + zero_point)` for each number.
    #[cfg(feature = "general")]
    pub(super) fn quantized(
        self,
        parameters: &Parameters,
        (low, high): (f32, f32),
    ) -> Option<FloatConstant> {
        self.map(parameters, |x, scale, zero_point| {
            ((x / scale).round_ties_even() + zero_point).clamp(low, high)
        })
    }

    fn map(
        mut self,
        Parameters { scales, zero_points, axis, block }: &Parameters,
        f: impl Fn(f32, f32, f32) -> f32,
    ) -> Option<FloatConstant> {
        let zeros = vec![0.0; scales.len()];
        let zero_points = zero_points.as_ref().unwrap_or(&zeros);
        if let ([scale], [zero_point]) = (&scales[..], &zero_points[..]) {
            self.floats.iter_mut().for_each(|x| *x = f(*x, *scale, *zero_point));
            return Some(self);
        }
        let FloatConstant { shape, floats } = &mut self;
        let axis = axis + if *axis < 0 { shape.len() as i64 } else { 0 };
        let axis = usize::try_from(axis).ok().filter(|&axis| axis < shape.len())?;
        let block = usize::try_from(*block).ok()?;
        let (length, inner) = (shape[axis], shape[axis + 1..].iter().product::<usize>());
        if floats.is_empty() {
            return None;
        }
        let blocks = length.div_ceil(block.max(1));
        let count = if block == 0 { length } else { floats.len() / length * blocks };
        if scales.len() != count || zero_points.len() != count {
            return None;
        }
        for (i, x) in floats.iter_mut().enumerate() {
            let (row, column) = (i / inner, i % inner);
            let at = match block {
                0 => row % length,
                _ => (row / length * blocks + row % length / block) * inner + column,
            };
            *x = f(*x, scales[at], zero_points[at]);
        }
        Some(self)
    }
}
