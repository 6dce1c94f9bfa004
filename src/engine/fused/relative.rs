//! What attention needs of the positions of tokens, computed once for all layers that need the same.

use crate::kernels::{Bias, Rotary};
use crate::model::RelativePositions;

/// Tables for the sequences of a batch.
#[derive(Clone, Default)]
pub(super) struct Tables(Vec<Table>);

#[derive(Clone)]
pub(super) struct Table {
    relative: RelativePositions,
    window: Option<usize>,
    /// The maximum length of a sequence.
    positions: usize,
    rotary: Option<Rotary>,
    /// The values of a [`Bias`]. There are none if nothing is added to scores.
    bias: Vec<f32>,
    /// The embedding of each distance, if there are any.
    rows: Vec<u32>,
}

impl Tables {
    /// The table of a layer, for sequences of at most `longest` tokens.
    pub fn of(
        &mut self,
        relative: &RelativePositions,
        window: Option<usize>,
        longest: usize,
    ) -> &Table {
        let is = |table: &Table| table.relative == *relative && table.window == window;
        let index = self.0.iter().position(is).unwrap_or_else(|| {
            self.0.push(Table::new(relative.clone(), window, longest));
            self.0.len() - 1
        });
        let table = &mut self.0[index];
        if table.positions < longest {
            *table = Table::new(relative.clone(), window, longest);
        }
        table
    }
}

impl Table {
    fn new(relative: RelativePositions, window: Option<usize>, positions: usize) -> Table {
        let rotary = match &relative {
            RelativePositions::Rotary { frequencies } => Some(Rotary::new(frequencies, positions)),
            _ => None,
        };
        let reach = reach(positions) as i32;
        let rows = match &relative {
            RelativePositions::Disentangled(of) => {
                let known = (of.rows.len() / 2) as i32;
                let row = |distance: i32| of.rows[(distance.clamp(-known, known) + known) as usize];
                (-reach..=reach).map(row).collect()
            }
            _ => Vec::new(),
        };
        let bias = bias(&relative, window, reach);
        Table { relative, window, positions, rotary, bias, rows }
    }

    pub fn rotary(&self) -> Option<&Rotary> {
        self.rotary.as_ref()
    }

    pub fn bias(&self) -> Option<Bias<'_>> {
        // Sequences that fit into the window have no bias, unless it is more than a window.
        let only_window =
            matches!(self.relative, RelativePositions::None | RelativePositions::Rotary { .. });
        let window = self.window.filter(|_| only_window);
        let reach = reach(self.positions);
        (!self.bias.is_empty()).then_some(Bias { values: &self.bias, reach, window })
    }
}

impl Table {
    pub fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// The largest distance in the tables.
    pub fn reach(&self) -> usize {
        reach(self.positions)
    }
}

fn reach(positions: usize) -> usize {
    positions + Bias::SPARE
}

/// The bias by head and distance.
fn bias(relative: &RelativePositions, window: Option<usize>, reach: i32) -> Vec<f32> {
    let size = |distance: i32| distance.unsigned_abs() as usize;
    let masked = |distance| window.is_some_and(|window| size(distance) > window);
    let of_heads = |heads: usize, value: &dyn Fn(usize, i32) -> f32| {
        let value = |head, distance| match masked(distance) {
            true => f32::NEG_INFINITY,
            false => value(head, distance),
        };
        let all = (0..heads).flat_map(|head| (-reach..=reach).map(move |d| (head, d)));
        all.map(|(head, distance)| value(head, distance)).collect()
    };
    match relative {
        RelativePositions::Alibi { slopes } => {
            of_heads(slopes.len(), &|head, distance| -slopes[head] * size(distance) as f32)
        }
        RelativePositions::Bias { reach: known, values } => {
            let (row, known) = (2 * known + 1, *known as i32);
            of_heads(values.len() / row, &|head, distance| {
                values[head * row + (distance.clamp(-known, known) + known) as usize]
            })
        }
        _ if window.is_some() => of_heads(1, &|_, _| 0.0),
        _ => Vec::new(),
    }
}
