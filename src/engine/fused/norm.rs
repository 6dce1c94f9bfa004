//! Layer normalization as the kernels take it.

use crate::kernels::NormParams;
use crate::model::Norm;

pub(super) fn params(norm: &Norm) -> NormParams<'_> {
    NormParams { gamma: &norm.gamma, beta: &norm.beta, eps: norm.eps }
}
