//! Embeddings: the sum of rows of tables. What a table is for follows from the rows that the graph
//! selects.

use anyhow::{Context, Result, bail, ensure};

use super::rules::Rules;
use crate::engine::onnx::graph::attribute;
use crate::engine::onnx::integer_evaluator::IntegerEvaluator;
use crate::model::{PositionScheme, Table, Weights};

/// The tables, by what their rows stand for.
pub(super) struct Tables {
    pub tokens: Table,
    pub positions: Table,
    pub token_types: Option<Table>,
}

/// A sequence for which it is evaluated which rows a graph reads.
struct Probe {
    ids: Vec<u32>,
    type_ids: Vec<u32>,
}

impl Probe {
    /// Small token ids. Among them are ids of padding in other vocabularies, and the padding itself
    /// if positions depend on it.
    fn new(length: usize, scheme: PositionScheme) -> Probe {
        let id = |i: usize| match scheme {
            PositionScheme::AfterPadding(padding) if i % 5 == 3 => padding,
            _ => (i * 7 % 19) as u32,
        };
        let ids = (0..length).map(id).collect();
        Probe { ids, type_ids: (0..length).map(|i| (i % 3 == 1).into()).collect() }
    }
}

impl<'a> Rules<'a> {
    /// A sum of two or three embeddings, each as its table and the name of the row numbers.
    pub(super) fn table_rows(&self, sum: &'a str) -> Option<Vec<(Table, &'a str)>> {
        let (mut open, mut tables) = (vec![sum], Vec::new());
        while let Some(name) = open.pop() {
            match self.table(name) {
                Some(table) => tables.push(table),
                None => open.extend(self.graph.pair_of(self.same(name), "Add")?),
            }
            if open.len() + tables.len() > 3 {
                return None;
            }
        }
        Some(tables)
    }

    /// The tables of tokens, positions and token types of an encoder that is `hidden` wide and reads
    /// `max_length` tokens. They are told apart by the row numbers that the graph computes for a few
    /// sequences.
    pub(super) fn embeddings(
        &self,
        terms: Vec<(Table, &'a str)>,
        scheme: PositionScheme,
        max_length: usize,
        hidden: usize,
    ) -> Result<Tables> {
        let rows = terms.iter().map(|(table, _)| table.rows).max().unwrap_or(0);
        ensure!(
            max_length <= rows,
            "its tables have {rows} rows, and config.json says {max_length} tokens"
        );
        let probes = [1, 9, max_length].map(|length| Probe::new(length, scheme));
        let mut evaluators = probes.each_ref().map(|Probe { ids, type_ids }| {
            let integers = |numbers: &[u32]| -> Vec<i64> {
                numbers.iter().map(|&number| number.into()).collect()
            };
            IntegerEvaluator::new(&self.graph, &integers(ids), &integers(type_ids))
        });
        let [mut tokens, mut positions, mut token_types] = [const { None }; 3];
        for (table, name) in terms {
            let numbers: Option<Vec<Vec<i64>>> =
                evaluators.iter_mut().map(|evaluator| evaluator.evaluate(name)).collect();
            let numbers = numbers.context("its embeddings are selected by unknown operators")?;
            let are = |of: &dyn Fn(&Probe) -> Vec<u32>| {
                let expected = probes.iter().map(of);
                numbers
                    .iter()
                    .zip(expected)
                    .all(|(a, b)| a.iter().copied().eq(b.into_iter().map(i64::from)))
            };
            let (slot, table) = if are(&|probe| probe.ids.clone()) {
                (&mut tokens, table)
            } else if are(&|probe| scheme.rows(&probe.ids)) {
                (&mut positions, table)
            } else if are(&|probe| probe.type_ids.clone()) {
                (&mut token_types, table)
            } else if are(&|probe| vec![0; probe.ids.len()]) {
                let row = first_row(&table, hidden).context("its token types have no row")?;
                (&mut token_types, row)
            } else {
                bail!("its positions are not numbered as config.json says");
            };
            ensure!(
                slot.replace(table).is_none(),
                "two of its embeddings use the same row numbers"
            );
        }
        Ok(Tables {
            tokens: tokens.context("it has no embeddings of tokens")?,
            positions: positions.context("it has no embeddings of positions")?,
            token_types,
        })
    }

    /// Rows of a table, as the table and the name of the row numbers.
    fn table(&self, name: &'a str) -> Option<(Table, &'a str)> {
        let name = self.same(name);
        let (gather, scale) = match self.graph.inputs_of(name, "DequantizeLinear") {
            // The scales of an axis are those of the gathered rows, not of the table.
            Some([quantized, scale, zero_point]) => {
                self.graph.scalar(scale)?;
                (quantized.as_str(), Some((scale, zero_point)))
            }
            _ => (name, None),
        };
        let node = self.graph.producer(self.same(gather)).filter(|n| n.op_type == "Gather")?;
        let ([table, index], None | Some(0)) =
            (node.input.as_slice(), attribute(node, "axis").map(|axis| axis.i))
        else {
            return None;
        };
        let matrix = match scale {
            Some((scale, zero_point)) => self.int8_matrix(table, scale, Some(zero_point))?,
            None => self.matrix(table)?,
        };
        Some((Table { rows: matrix.rows, values: matrix.values }, index))
    }
}

/// A table of the first row alone.
fn first_row(table: &Table, width: usize) -> Option<Table> {
    let mut row = Vec::new();
    if !table.values.fit(table.rows, width) || table.rows == 0 {
        return None;
    }
    table.values.extend_row(0, width, &mut row);
    Some(Table { rows: 1, values: Weights::Float(row.into()) })
}
