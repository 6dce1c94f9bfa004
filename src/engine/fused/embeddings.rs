//! Token ids to the states that the first layer reads.

use anyhow::{Context, Result};

use super::norm::params;
use crate::kernels::{Kernel, add_norm};
use crate::model::{Norm, PositionScheme, Table};

/// The sum of two or three embeddings, normalized.
pub(super) struct Embeddings {
    pub tokens: Table,
    pub positions: Table,
    pub position_scheme: PositionScheme,
    pub token_types: Option<Table>,
    pub norm: Norm,
}

impl Embeddings {
    /// The width of a token.
    pub fn hidden(&self) -> usize {
        self.norm.gamma.len()
    }

    /// The states of all tokens, `[tokens, hidden]`. `ids` and `type_ids` are `[tokens]`.
    pub fn apply(
        &self,
        kernel: Kernel,
        ids: &[u32],
        type_ids: &[u32],
        offsets: &[usize],
    ) -> Result<Vec<f32>> {
        let sequences = offsets.windows(2).map(|ends| &ids[ends[0]..ends[1]]);
        let positions: Vec<u32> =
            sequences.flat_map(|ids| self.position_scheme.rows(ids)).collect();
        let hidden = self.hidden();
        let tokens = rows(&self.tokens, ids, hidden)?;
        let positions = rows(&self.positions, &positions, hidden)?;
        let token_types = match &self.token_types {
            None => None,
            Some(table) if table.rows == 1 => Some(rows(table, &vec![0; ids.len()], hidden)?),
            Some(table) => Some(rows(table, type_ids, hidden)?),
        };
        let mut states = vec![0.0; tokens.len()];
        let norm = params(&self.norm);
        match &token_types {
            Some(types) => add_norm(kernel, [&tokens, types, &positions], norm, &mut states),
            None => add_norm(kernel, [&tokens, &positions], norm, &mut states),
        }
        Ok(states)
    }
}

/// Rows of a table in f32, `[numbers, width]`.
fn rows(table: &Table, numbers: &[u32], width: usize) -> Result<Vec<f32>> {
    let mut out = Vec::with_capacity(numbers.len() * width);
    for &number in numbers {
        let row = usize::try_from(number).ok().filter(|&row| row < table.rows);
        let row = row.with_context(|| format!("{number} is not one of {} rows", table.rows))?;
        table.values.extend_row(row, width, &mut out);
    }
    Ok(out)
}
