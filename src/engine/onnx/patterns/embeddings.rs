//! Embeddings: the sum of rows of tables. What a table is for follows from the rows that the graph
//! selects.

use anyhow::{Context, Result, bail, ensure};

use super::rules::Rules;
use crate::engine::onnx::graph::attribute;
use crate::model::{PositionScheme, Positions, Table, Weights};

/// The tables, by what their rows stand for.
pub(super) struct Tables {
    pub tokens: Table,
    pub positions: Positions,
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
    /// A sum of two to four embeddings, each as its table and the name of the row numbers.
    pub(super) fn table_rows(&self, sum: &'a str) -> Option<Vec<(Table, &'a str)>> {
        let (mut open, mut tables) = (vec![sum], Vec::new());
        while let Some(name) = open.pop() {
            match self.table(name) {
                Some(table) => tables.push(table),
                None => open.extend(self.graph.pair_of(self.same(name), "Add")?),
            }
            if open.len() + tables.len() > 4 {
                return None;
            }
        }
        Some(tables)
    }

    /// The tables of tokens, positions and token types of an encoder that is `hidden` wide and reads
    /// at most `max_length` tokens. They are told apart by the row numbers that the graph computes for
    /// a few sequences. An encoder with relative positions may have no table of them.
    pub(super) fn embeddings(
        &self,
        terms: Vec<(Table, &'a str)>,
        max_length: usize,
        hidden: usize,
        is_relative: bool,
    ) -> Result<Tables> {
        // The ids fall, so that they are not taken for positions.
        let mut evaluator = self.evaluator(&[11, 9], &[0, 0]);
        let found = terms.iter().find_map(|(table, name)| {
            Some((table.rows, PositionScheme::of_rows(&evaluator.evaluate(name)?)?))
        });
        let found = found.or(is_relative.then_some((max_length, PositionScheme::FromZero)));
        let (rows, scheme) = found.context("its positions are numbered in an unknown way")?;
        let longest = rows.saturating_sub(scheme.reserved()).min(max_length);
        let probes = [1, 9.min(longest), longest].map(|length| Probe::new(length, scheme));
        let mut evaluators =
            probes.each_ref().map(|Probe { ids, type_ids }| self.evaluator(ids, type_ids));
        let [mut tokens, mut positions, mut token_types] = [const { None }; 3];
        let mut of_all = Vec::new();
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
            let slot = if are(&|probe| probe.ids.clone()) {
                &mut tokens
            } else if are(&|probe| scheme.rows(&probe.ids)) {
                &mut positions
            } else if are(&|probe| probe.type_ids.clone()) {
                &mut token_types
            } else if are(&|probe| vec![0; probe.ids.len()]) {
                of_all.push(first_row(&table, hidden).context("its token types have no row")?);
                continue;
            } else {
                bail!("its positions are numbered in an unknown way");
            };
            ensure!(
                slot.replace(table).is_none(),
                "two of its embeddings use the same row numbers"
            );
        }
        for row in of_all {
            token_types = Some(plus(token_types, &row));
        }
        Ok(Tables {
            tokens: tokens.context("it has no embeddings of tokens")?,
            positions: match positions {
                Some(table) => Positions::Embedded { table, scheme },
                None if is_relative => Positions::Relative { max_length },
                None => bail!("it has no embeddings of positions"),
            },
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

/// The first row of a table.
fn first_row(table: &Table, width: usize) -> Option<Vec<f32>> {
    let mut row = Vec::new();
    if !table.values.fit(table.rows, width) || table.rows == 0 {
        return None;
    }
    table.values.extend_row(0, width, &mut row);
    Some(row)
}

/// A table whose rows are those of `table` plus `row`. Without a table, all tokens have that row.
fn plus(table: Option<Table>, row: &[f32]) -> Table {
    let (rows, mut sum) = match table {
        Some(Table { rows, values }) => (rows, values.to_f32(row.len())),
        None => (1, vec![0.0; row.len()]),
    };
    sum.chunks_mut(row.len()).flatten().zip(row.iter().cycle()).for_each(|(sum, x)| *sum += x);
    Table { rows, values: Weights::Float(sum.into()) }
}
