//! Embeddings: the sum of rows of tables, and which numbers the rows have.

use anyhow::{Context, Result, bail, ensure};

use super::rules::Rules;
use crate::engine::onnx::graph::attribute;
use crate::engine::onnx::integer_evaluator::IntegerEvaluator;
use crate::model::{PositionScheme, Table, Weights};

/// The tables by what their rows stand for.
pub(super) struct Tables {
    pub words: Table,
    pub positions: Table,
    pub segments: Option<Table>,
}

/// Token ids and segments of a sequence for which a graph is asked what it reads.
struct Probe {
    ids: Vec<u32>,
    segments: Vec<u32>,
}

impl Probe {
    /// Small ids, among them what others take for padding, and the padding where it has a meaning.
    fn new(length: usize, numbering: PositionScheme) -> Probe {
        let id = |i: usize| match numbering {
            PositionScheme::AfterPadding(padding) if i % 5 == 3 => padding,
            _ => (i * 7 % 19) as u32,
        };
        let ids = (0..length).map(id).collect();
        Probe { ids, segments: (0..length).map(|i| (i % 3 == 1).into()).collect() }
    }
}

impl<'a> Rules<'a> {
    /// A sum of two or three embeddings, each as its table and the name of its rows' numbers.
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

    /// The tables of words, positions and segments, of an encoder that is `hidden` wide and reads
    /// `most` tokens, told apart by the numbers that the graph computes for a few sequences.
    pub(super) fn embeddings(
        &self,
        terms: Vec<(Table, &'a str)>,
        numbering: PositionScheme,
        most: usize,
        hidden: usize,
    ) -> Result<Tables> {
        let rows = terms.iter().map(|(table, _)| table.rows).max().unwrap_or(0);
        ensure!(most <= rows, "its tables have {rows} rows, and config.json says {most} tokens");
        let probes = [1, 9, most].map(|length| Probe::new(length, numbering));
        let mut integers = probes.each_ref().map(|Probe { ids, segments }| {
            let [ids, segments] = [ids, segments].map(|v| v.iter().map(|&n| n.into()).collect());
            let (ids, segments): (Vec<i64>, Vec<i64>) = (ids, segments);
            IntegerEvaluator::new(&self.graph, &ids, &segments)
        });
        let [mut words, mut positions, mut segments] = [const { None }; 3];
        for (table, name) in terms {
            let numbers: Option<Vec<Vec<i64>>> = integers.iter_mut().map(|i| i.of(name)).collect();
            let numbers = numbers.context("its embeddings are chosen by unknown operators")?;
            let are = |of: &dyn Fn(&Probe) -> Vec<u32>| {
                let expected = probes.iter().map(of);
                numbers
                    .iter()
                    .zip(expected)
                    .all(|(a, b)| a.iter().copied().eq(b.into_iter().map(i64::from)))
            };
            let (place, table) = if are(&|probe| probe.ids.clone()) {
                (&mut words, table)
            } else if are(&|probe| numbering.rows(&probe.ids)) {
                (&mut positions, table)
            } else if are(&|probe| probe.segments.clone()) {
                (&mut segments, table)
            } else if are(&|probe| vec![0; probe.ids.len()]) {
                (&mut segments, first_row(&table, hidden).context("its segments have no row")?)
            } else {
                bail!("its positions are numbered in another way than config.json says");
            };
            ensure!(place.replace(table).is_none(), "two of its embeddings have the same numbers");
        }
        Ok(Tables {
            words: words.context("it has no embeddings of tokens")?,
            positions: positions.context("it has no embeddings of positions")?,
            segments,
        })
    }

    /// Rows of a table, as the table and the name of the rows' numbers.
    fn table(&self, name: &'a str) -> Option<(Table, &'a str)> {
        let name = self.same(name);
        let (gather, scale) = match self.graph.inputs_of(name, "DequantizeLinear") {
            Some([quantized, scale, zero_point]) => (quantized.as_str(), Some((scale, zero_point))),
            _ => (name, None),
        };
        let node = self.graph.producer(self.same(gather)).filter(|n| n.op_type == "Gather")?;
        let ([table, index], None | Some(0)) =
            (node.input.as_slice(), attribute(node, "axis").map(|axis| axis.i))
        else {
            return None;
        };
        let matrix = match scale {
            Some((scale, zero_point)) => self.int8_matrix(table, scale, Some(zero_point), false)?,
            None => self.matrix(table)?,
        };
        Some((Table { rows: matrix.rows, values: matrix.values }, index))
    }
}

/// The table of the first row alone.
fn first_row(table: &Table, width: usize) -> Option<Table> {
    let mut row = Vec::new();
    if !table.values.fit(table.rows, width) || table.rows == 0 {
        return None;
    }
    table.values.extend_row(0, width, &mut row);
    Some(Table { rows: 1, values: Weights::Float(row.into()) })
}
