//! Token ids to the states that the first layer reads.

use anyhow::{Context, Result};

use super::norm::params;
use crate::kernels::{Kernel, add_norm};
use crate::model::{Norm, Positions, Table};

/// Tokens whose embeddings are read before they are added: few enough for the first-level cache.
const BLOCK_TOKENS: usize = 8;

/// The sum of one to three embeddings, normalized.
pub(super) struct Embeddings {
    pub tokens: Table,
    pub positions: Positions,
    pub token_types: Option<Table>,
    pub norm: Norm,
}

impl Embeddings {
    /// The width of a token.
    pub fn hidden(&self) -> usize {
        self.norm.gamma.len()
    }

    /// Writes the states of all tokens, `[tokens, hidden]`, to `states`. `ids` and `type_ids` are
    /// `[tokens]`.
    pub fn apply(
        &self,
        kernel: Kernel,
        ids: &[u32],
        type_ids: &[u32],
        offsets: &[usize],
        states: &mut Vec<f32>,
    ) -> Result<()> {
        let sequences = offsets.windows(2).map(|ends| &ids[ends[0]..ends[1]]);
        let positions = match &self.positions {
            Positions::Embedded { table, scheme } => {
                Some((table, sequences.flat_map(|ids| scheme.rows(ids)).collect::<Vec<u32>>()))
            }
            Positions::Relative { .. } => None,
        };
        let types = self.token_types.as_ref().map(|table| match table.rows {
            1 => (table, vec![0; ids.len()]),
            _ => (table, type_ids.to_vec()),
        });
        let hidden = self.hidden();
        states.clear();
        states.resize(ids.len() * hidden, 0.0);
        let norm = params(&self.norm);
        let mut parts = [const { Vec::new() }; 3];
        for (block, out) in states.chunks_mut(BLOCK_TOKENS * hidden).enumerate() {
            let of_block = block * BLOCK_TOKENS..block * BLOCK_TOKENS + out.len() / hidden;
            let [tokens, of_types, of_positions] = &mut parts;
            rows(&self.tokens, &ids[of_block.clone()], hidden, tokens)?;
            for (table, part) in [(&types, &mut *of_types), (&positions, &mut *of_positions)] {
                if let Some((table, numbers)) = table {
                    rows(table, &numbers[of_block.clone()], hidden, part)?;
                }
            }
            match (&types, &positions) {
                (None, None) => add_norm(kernel, [tokens], norm, out),
                (None, Some(_)) => add_norm(kernel, [tokens, of_positions], norm, out),
                (Some(_), None) => add_norm(kernel, [tokens, of_types], norm, out),
                (Some(_), Some(_)) => {
                    add_norm(kernel, [tokens, of_types, of_positions], norm, out);
                }
            }
        }
        Ok(())
    }
}

/// Replaces `out` by rows of a table in f32, `[numbers, width]`.
fn rows(table: &Table, numbers: &[u32], width: usize, out: &mut Vec<f32>) -> Result<()> {
    out.clear();
    for &number in numbers {
        let row = usize::try_from(number).ok().filter(|&row| row < table.rows);
        let row = row.with_context(|| format!("{number} is not one of {} rows", table.rows))?;
        table.values.extend_row(row, width, out);
    }
    Ok(())
}
