//! Int8 weights that are stored in fewer bits.

use std::ops::Range;

use bytes::Bytes;

use super::int8::{Int8, gather};

/// Weights that share a step and an offset.
pub(crate) const GROUP: usize = 32;

/// A matrix whose weights are int8 numbers, each of which is `offset + step * code`. Neighbouring weights
/// of a row, [`GROUP`] of them, have the same step and the same offset. A code has `bits` bits. Unpacking
/// is integer arithmetic, so it gives the same weights everywhere.
#[derive(Clone)]
pub(crate) struct PackedInt8 {
    pub columns: usize,
    /// From 2 to 6.
    pub bits: usize,
    /// The codes of each row as a stream of bits, whose first ones are the lowest of the first byte, and
    /// which ends with a whole byte.
    pub codes: Bytes,
    /// Unsigned steps, one for each group.
    pub steps: Bytes,
    /// Signed offsets, one for each group.
    pub offsets: Bytes,
    /// The scale of each column or, if `by_row` is set, of each row.
    pub scales: Vec<f32>,
    pub by_row: bool,
}

impl PackedInt8 {
    pub fn new(columns: usize, bits: usize, by_row: bool, scales: Vec<f32>) -> PackedInt8 {
        let [codes, steps, offsets] = [const { Bytes::new() }; 3];
        PackedInt8 { columns, bits, codes, steps, offsets, scales, by_row }
    }

    /// The number of weights, or `None` if the parts have lengths that do not fit each other.
    pub fn len(&self) -> Option<usize> {
        if !(2..=6).contains(&self.bits) || self.columns == 0 {
            return None;
        }
        let rows = self.steps.len() / self.groups();
        let fits = self.steps.len() == rows * self.groups()
            && self.offsets.len() == self.steps.len()
            && self.codes.len() == rows.checked_mul(self.row_bytes())?
            && self.scales.len() == if self.by_row { rows } else { self.columns };
        fits.then(|| rows * self.columns)
    }

    fn groups(&self) -> usize {
        self.columns.div_ceil(GROUP)
    }

    fn row_bytes(&self) -> usize {
        (self.columns * self.bits).div_ceil(8)
    }

    /// The weights of some rows in int8. A number outside the range of int8 becomes its nearest end.
    pub fn int8(&self, rows: Range<usize>) -> Int8 {
        let mut bytes = Vec::with_capacity(rows.len() * self.columns);
        for row in rows.clone() {
            self.unpack(row, |_, weight| bytes.push(weight as u8));
        }
        let scales = if self.by_row { &self.scales[rows] } else { &self.scales[..] };
        Int8::symmetric(bytes, scales, self.by_row)
    }

    /// Some rows of a matrix.
    pub fn rows(&self, rows: &[u32]) -> PackedInt8 {
        let scales = match self.by_row {
            true => rows.iter().map(|&row| self.scales[row as usize]).collect(),
            false => self.scales.clone(),
        };
        PackedInt8 {
            codes: gather(&self.codes, rows, self.row_bytes()),
            steps: gather(&self.steps, rows, self.groups()),
            offsets: gather(&self.offsets, rows, self.groups()),
            ..PackedInt8::new(self.columns, self.bits, self.by_row, scales)
        }
    }

    /// Appends the weights of a row, as floats.
    pub fn extend_row(&self, row: usize, out: &mut Vec<f32>) {
        out.reserve(self.columns);
        self.unpack(row, |column, weight| {
            out.push(self.scales[if self.by_row { row } else { column }] * f32::from(weight));
        });
    }

    /// Gives the weights of a row in int8, each with its column. Eight codes fill whole bytes.
    #[inline]
    fn unpack(&self, row: usize, mut give: impl FnMut(usize, i8)) {
        const EIGHT: usize = 8;
        let codes = &self.codes[row * self.row_bytes()..][..self.row_bytes()];
        let of_row = row * self.groups()..(row + 1) * self.groups();
        let (steps, offsets) = (&self.steps[of_row.clone()], &self.offsets[of_row]);
        let mask = (1 << self.bits) - 1;
        for (i, bytes) in codes.chunks(self.bits).enumerate() {
            let mut word = [0; size_of::<u64>()];
            word[..bytes.len()].copy_from_slice(bytes);
            let mut word = u64::from_le_bytes(word);
            let group = i * EIGHT / GROUP;
            let (step, offset) = (i32::from(steps[group]), i32::from(offsets[group] as i8));
            for column in i * EIGHT..self.columns.min((i + 1) * EIGHT) {
                let code = (word & mask) as i32;
                word >>= self.bits;
                give(column, (offset + step * code).clamp(-128, 127) as i8);
            }
        }
    }
}

/// The codes of one group, and what they stand for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PackedGroup {
    pub step: u8,
    pub offset: i8,
    pub codes: Vec<u8>,
}

impl PackedGroup {
    /// The group of `bits` that is nearest to `values` by the sum of squared differences, among steps and
    /// offsets near those that just cover them. No number is beyond `-limit..=limit`.
    pub fn nearest(values: &[f32], bits: usize, limit: i8) -> PackedGroup {
        let levels = ((1 << bits) - 1) as f32;
        let limit = f32::from(limit);
        let low = values.iter().copied().fold(f32::INFINITY, f32::min);
        let high = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let covering = ((high - low) / levels).ceil().max(1.0);
        let mut best = (f32::INFINITY, 1.0, 0.0);
        for step in [covering, covering - 1.0, covering - 2.0] {
            if step < 1.0 {
                continue;
            }
            let middle = (low + high) / 2.0 - step * levels / 2.0;
            for shift in [-0.5, -0.25, 0.0, 0.25, 0.5] {
                let offset = (middle + shift * step).round().clamp(-limit, limit);
                let error = values.iter().map(|&value| {
                    let number = offset + step * code(value, step, offset, levels, limit);
                    (number - value) * (number - value)
                });
                let error = error.sum::<f32>();
                if error < best.0 {
                    best = (error, step, offset);
                }
            }
        }
        let (_, step, offset) = best;
        let codes =
            values.iter().map(|&value| code(value, step, offset, levels, limit) as u8).collect();
        PackedGroup { step: step as u8, offset: offset as i8, codes }
    }

    /// The int8 numbers of the group.
    pub fn values(&self) -> impl Iterator<Item = i32> + '_ {
        let (step, offset) = (i32::from(self.step), i32::from(self.offset));
        self.codes.iter().map(move |&code| offset + step * i32::from(code))
    }
}

/// The code whose number is nearest to a value, and within the limit.
fn code(value: f32, step: f32, offset: f32, levels: f32, limit: f32) -> f32 {
    let highest = ((limit - offset) / step).floor().min(levels);
    ((value - offset) / step).round_ties_even().clamp(0.0, highest)
}

/// Packs the groups of the rows of a matrix.
pub(crate) struct Packer {
    packed: PackedInt8,
    codes: Vec<u8>,
    steps: Vec<u8>,
    offsets: Vec<u8>,
}

impl Packer {
    pub fn new(packed: PackedInt8) -> Packer {
        Packer { packed, codes: Vec::new(), steps: Vec::new(), offsets: Vec::new() }
    }

    /// Appends a row.
    pub fn push(&mut self, groups: &[PackedGroup]) {
        let (mut stream, mut bits) = (0_u32, 0);
        for group in groups {
            self.steps.push(group.step);
            self.offsets.push(group.offset as u8);
            for &code in &group.codes {
                stream |= u32::from(code) << bits;
                bits += self.packed.bits;
                while bits >= 8 {
                    self.codes.push(stream as u8);
                    stream >>= 8;
                    bits -= 8;
                }
            }
        }
        if bits > 0 {
            self.codes.push(stream as u8);
        }
    }

    pub fn finish(self) -> PackedInt8 {
        let Packer { packed, codes, steps, offsets } = self;
        PackedInt8 { codes: codes.into(), steps: steps.into(), offsets: offsets.into(), ..packed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_unpacked_as_they_were_packed() {
        for bits in 2..=6 {
            for columns in [1, 5, 31, 32, 33, 100] {
                let number =
                    |row: usize, column: usize| ((row * 37 + column * 11) % 90) as f32 - 45.0;
                let mut packer = Packer::new(PackedInt8::new(columns, bits, true, vec![0.5; 3]));
                let mut expected = Vec::new();
                for row in 0..3 {
                    let values: Vec<f32> = (0..columns).map(|column| number(row, column)).collect();
                    let groups = values.chunks(GROUP).map(|v| PackedGroup::nearest(v, bits, 63));
                    let groups: Vec<_> = groups.collect();
                    let numbers: Vec<i32> = groups.iter().flat_map(PackedGroup::values).collect();
                    for (number, value) in numbers.iter().zip(&values) {
                        let step = 90.0 / ((1 << bits) - 1) as f32;
                        assert!((*number as f32 - value).abs() <= step.ceil(), "{bits} bits");
                    }
                    expected.extend(numbers.iter().map(|&number| number as i8 as u8));
                    packer.push(&groups);
                }
                let packed = packer.finish();
                assert_eq!(packed.len(), Some(3 * columns));
                assert_eq!(packed.int8(0..3).bytes, expected);
                assert_eq!(packed.int8(1..2).bytes, expected[columns..2 * columns]);
                assert_eq!(packed.int8(1..2).scales, [0.5]);
                let mut floats = vec![1.0];
                packed.extend_row(1, &mut floats);
                let row = &expected[columns..2 * columns];
                let numbers = row.iter().map(|&byte| 0.5 * f32::from(byte as i8));
                assert_eq!(floats, [1.0].into_iter().chain(numbers).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn numbers_that_fit_are_exact() {
        let values = [-63.0, 63.0, 0.0, 21.0];
        let group = PackedGroup::nearest(&values, 4, 63);
        assert_eq!(group.codes.len(), 4);
        assert!(group.values().all(|number| (-63..=63).contains(&number)));
        let narrow = PackedGroup::nearest(&[-3.0, -2.0, 5.0, 12.0], 4, 127);
        assert_eq!(narrow.values().collect::<Vec<_>>(), [-3, -2, 5, 12]);
    }

    #[test]
    fn parts_that_do_not_fit_have_no_length() {
        let packed = |columns, bits, codes: usize, steps: usize, scales: usize| PackedInt8 {
            codes: vec![0; codes].into(),
            steps: vec![1; steps].into(),
            offsets: vec![0; steps].into(),
            ..PackedInt8::new(columns, bits, true, vec![1.0; scales])
        };
        assert_eq!(packed(40, 4, 20, 2, 1).len(), Some(40));
        for wrong in [
            (40, 4, 19, 2, 1),
            (40, 4, 20, 1, 1),
            (40, 4, 20, 2, 2),
            (0, 4, 0, 0, 0),
            (40, 9, 45, 2, 1),
        ] {
            let (columns, bits, codes, steps, scales) = wrong;
            assert_eq!(packed(columns, bits, codes, steps, scales).len(), None, "{wrong:?}");
        }
    }
}
