//! Quantization with error compensation: the error of each row of a matrix is made up for by the rows that
//! are quantized after it, as far as the inputs of a sample agree (GPTQ: Frantar et al. 2023,
//! arXiv:2210.17323).

use crate::kernels::{Activation, Kernel, LinearF32, linear_f32};

/// The sum of `x x^T` over the inputs x of a matrix, `[inputs, inputs]`.
pub(super) struct Correlation {
    inputs: usize,
    sums: Vec<f32>,
}

impl Correlation {
    pub fn new(inputs: usize) -> Correlation {
        Correlation { inputs, sums: vec![0.0; inputs * inputs] }
    }

    /// Adds the rows of `x`, `[tokens, inputs]`.
    pub fn add(&mut self, x: &[f32]) {
        let (inputs, tokens) = (self.inputs, x.len() / self.inputs);
        let mut columns = vec![0.0; x.len()];
        for (token, row) in x.chunks_exact(inputs).enumerate() {
            for (input, &value) in row.iter().enumerate() {
                columns[input * tokens + token] = value;
            }
        }
        let rows = LinearF32::new(Kernel::best(), (tokens, inputs), x, &vec![0.0; inputs]);
        let mut products = vec![0.0; inputs * inputs];
        linear_f32(&columns, &rows, Activation::None, &mut products);
        self.sums.iter_mut().zip(products).for_each(|(sum, product)| *sum += product);
    }
}

/// The part of the mean square of an input that is added to the square of each, so that inputs that the
/// sample does not tell apart stay as they are.
const DAMPING: f64 = 0.01;

/// Quantizes the rows of a matrix, `[inputs, outputs]`, the one with the largest inputs first. `quantize`
/// takes the index of a row and what it should be, and returns what it becomes.
pub(super) fn quantize_rows(
    weights: &mut [f32],
    correlation: &Correlation,
    mut quantize: impl FnMut(usize, &[f32]) -> Vec<f32>,
) {
    let inputs = correlation.inputs;
    let outputs = weights.len() / inputs.max(1);
    let diagonal = |i: usize| f64::from(correlation.sums[i * inputs + i]);
    let mut order: Vec<usize> = (0..inputs).collect();
    order.sort_by(|&a, &b| diagonal(b).total_cmp(&diagonal(a)));
    let mean = (0..inputs).map(diagonal).sum::<f64>() / inputs.max(1) as f64;
    let damping = if mean > 0.0 { DAMPING * mean } else { 1.0 };

    let mut matrix: Vec<f64> = Vec::with_capacity(inputs * inputs);
    for &i in &order {
        let of_row = order.iter().map(|&j| f64::from(correlation.sums[i * inputs + j]));
        matrix.extend(of_row);
    }
    (0..inputs).for_each(|i| matrix[i * inputs + i] += damping);
    let factors = inverse_factors(matrix, inputs);

    let mut error = vec![0.0; outputs];
    for (at, &row) in order.iter().enumerate() {
        let wanted = &weights[row * outputs..][..outputs];
        let found = quantize(row, wanted);
        let pivot = factors[at * inputs + at];
        for ((error, wanted), found) in error.iter_mut().zip(wanted).zip(&found) {
            *error = (wanted - found) / pivot;
        }
        for (later, &row) in order.iter().enumerate().skip(at + 1) {
            let factor = factors[at * inputs + later];
            let row = &mut weights[row * outputs..][..outputs];
            row.iter_mut().zip(&error).for_each(|(weight, error)| *weight -= factor * error);
        }
    }
}

/// The upper triangular U with `U^T U` equal to the inverse of a positive definite matrix.
///
/// With the order of rows and columns reversed, a Cholesky factor L of the matrix becomes an upper
/// factor of it, and its inverse is U.
fn inverse_factors(mut matrix: Vec<f64>, size: usize) -> Vec<f32> {
    matrix.reverse();
    cholesky(&mut matrix, size);
    // The inverse of L, column by column, by forward substitution.
    let mut inverse = vec![0.0_f64; size * size];
    for column in 0..size {
        for row in column..size {
            let unit = if row == column { 1.0 } else { 0.0 };
            // Rows of `inverse` hold columns, so that both operands lie side by side.
            let sum: f64 =
                (column..row).map(|i| matrix[row * size + i] * inverse[column * size + i]).sum();
            inverse[column * size + row] = (unit - sum) / matrix[row * size + row];
        }
    }
    // Reversed in both directions, the lower triangle becomes an upper one.
    let mut factors = vec![0.0_f32; size * size];
    for row in 0..size {
        for column in row..size {
            let (i, j) = (size - 1 - row, size - 1 - column);
            factors[row * size + column] = inverse[j * size + i] as f32;
        }
    }
    factors
}

/// Replaces a positive definite matrix by its lower Cholesky factor.
fn cholesky(matrix: &mut [f64], size: usize) {
    for row in 0..size {
        let (above, rest) = matrix.split_at_mut(row * size);
        let of_row = &mut rest[..size];
        for column in 0..row {
            let other = &above[column * size..][..size];
            let sum: f64 = (0..column).map(|i| of_row[i] * other[i]).sum();
            of_row[column] = (of_row[column] - sum) / other[column];
        }
        let squares: f64 = of_row[..row].iter().map(|x| x * x).sum();
        of_row[row] = (of_row[row] - squares).max(f64::MIN_POSITIVE).sqrt();
        of_row[row + 1..].fill(0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Inputs of four tokens that depend on each other.
    const X: [f32; 12] = [1.0, 2.0, 3.0, 2.0, 4.1, 5.9, 0.5, -1.0, 0.2, -1.0, 0.3, 0.4];

    #[test]
    fn the_factors_are_those_of_the_inverse() {
        let mut correlation = Correlation::new(3);
        correlation.add(&X[..6]);
        correlation.add(&X[6..]);
        let expected =
            |i: usize, j: usize| (0..4).map(|t| X[3 * t + i] * X[3 * t + j]).sum::<f32>();
        let mut matrix = Vec::new();
        for (i, j) in (0..3).flat_map(|i| (0..3).map(move |j| (i, j))) {
            assert!((correlation.sums[3 * i + j] - expected(i, j)).abs() < 1e-4);
            matrix.push(f64::from(correlation.sums[3 * i + j]));
        }
        let factors = inverse_factors(matrix.clone(), 3);
        for (i, j) in (0..3).flat_map(|i| (0..3).map(move |j| (i, j))) {
            // (U^T U) H is the identity.
            let inverse = |a: usize, b: usize| -> f64 {
                (0..3).map(|k| f64::from(factors[3 * k + a]) * f64::from(factors[3 * k + b])).sum()
            };
            let product: f64 = (0..3).map(|k| inverse(i, k) * matrix[3 * k + j]).sum();
            let unit = if i == j { 1.0 } else { 0.0 };
            assert!((product - unit).abs() < 1e-3, "{i} {j}: {product}");
            assert!(i <= j || factors[3 * i + j] == 0.0);
        }
    }

    #[test]
    fn errors_make_up_for_each_other() {
        let mut correlation = Correlation::new(3);
        correlation.add(&X);
        let weights = [0.4, 1.3, -0.45, 0.7, 0.3, -1.6];
        let round = |value: f32| value.round_ties_even();
        let mut found = [0.0; 6];
        quantize_rows(&mut weights.clone(), &correlation, |row, wanted| {
            let rounded: Vec<f32> = wanted.iter().copied().map(round).collect();
            found[2 * row..][..2].copy_from_slice(&rounded);
            rounded
        });
        let error = |of: &[f32]| -> f32 {
            let outputs = X.chunks(3).flat_map(|x| {
                (0..2).map(|c| (0..3).map(|i| x[i] * (of[2 * i + c] - weights[2 * i + c])).sum())
            });
            outputs.map(|difference: f32| difference * difference).sum()
        };
        assert!(error(&found) < 0.8 * error(&weights.map(round)), "{found:?}");
    }
}
