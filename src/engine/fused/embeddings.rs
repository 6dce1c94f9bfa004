//! Token ids to the states that the first layer reads.

use anyhow::{Context, Result};

use super::norm::params;
use crate::kernels::{Kernel, add_norm};
use crate::model::{Norm, PositionScheme, Table};

/// Tokens whose embeddings are read before they are added: few enough for the first-level cache.
const BLOCK_TOKENS: usize = 8;

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
        let positions: Vec<u32> =
            sequences.flat_map(|ids| self.position_scheme.rows(ids)).collect();
        let hidden = self.hidden();
        states.clear();
        states.resize(ids.len() * hidden, 0.0);
        let norm = params(&self.norm);
        let [mut tokens, mut types, mut places] = [const { Vec::new() }; 3];
        for (block, out) in states.chunks_mut(BLOCK_TOKENS * hidden).enumerate() {
            let of_block = block * BLOCK_TOKENS..block * BLOCK_TOKENS + out.len() / hidden;
            rows(&self.tokens, &ids[of_block.clone()], hidden, &mut tokens)?;
            rows(&self.positions, &positions[of_block.clone()], hidden, &mut places)?;
            match &self.token_types {
                None => add_norm(kernel, [&tokens, &places], norm, out),
                Some(table) => {
                    let only = [0; BLOCK_TOKENS];
                    let numbers =
                        if table.rows == 1 { &only[..of_block.len()] } else { &type_ids[of_block] };
                    rows(table, numbers, hidden, &mut types)?;
                    add_norm(kernel, [&tokens, &types, &places], norm, out);
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
