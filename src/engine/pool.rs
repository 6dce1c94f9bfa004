//! Pooling: the states of the tokens of a text become one vector (Reimers and Gurevych 2019,
//! arXiv:1908.10084).

use crate::model::Pooling;

/// The vectors of all sequences, `[sequences, width]`, from the states of their tokens,
/// `[tokens, width]`. `offsets`, `[sequences + 1]`, say where each sequence starts and ends. None is
/// empty.
pub(super) fn pool_each(pooling: Pooling, states: &[f32], offsets: &[usize]) -> Vec<f32> {
    let width = states.len() / offsets.last().copied().unwrap_or(0).max(1);
    let sequences = offsets.windows(2).map(|ends| &states[ends[0] * width..ends[1] * width]);
    sequences.flat_map(|states| pool(pooling, states, width)).collect()
}

/// Sums are in the order of the tokens, so that every platform gives the same bits.
fn pool(pooling: Pooling, states: &[f32], width: usize) -> Vec<f32> {
    match pooling {
        Pooling::First => states[..width].to_vec(),
        Pooling::Mean => {
            let mut vector = vec![0.0; width];
            for state in states.chunks_exact(width) {
                vector.iter_mut().zip(state).for_each(|(sum, x)| *sum += x);
            }
            let tokens = (states.len() / width) as f32;
            vector.iter_mut().for_each(|sum| *sum /= tokens);
            vector
        }
    }
}
