//! How to quantize.

/// Sequences in a batch. The activations of the longest ones take a quarter of a GB.
pub(super) const BATCH_SEQUENCES: usize = 32;

/// How finely weights are quantized.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bits {
    /// Codes of 3 bits, for token embeddings alone.
    Three,
    /// Codes of 4 bits, which become int8 when the model is loaded, as those of 3, 5 and 6 bits do.
    Four,
    /// Codes of 5 bits.
    Five,
    /// Codes of 6 bits.
    Six,
    /// Integers from -63 to 63. They are a third faster than 8 bits on processors without VNNI and in
    /// browsers, whose instructions add two products in 16 bits. The error is larger by half.
    Seven,
    /// Integers from -127 to 127.
    #[default]
    Eight,
}

impl Bits {
    /// The number of bits.
    pub fn count(self) -> usize {
        self as usize + 3
    }

    /// The variant with a number of bits, from 3 to 8.
    pub fn from_count(count: usize) -> Option<Bits> {
        use Bits::*;
        [Three, Four, Five, Six, Seven, Eight].into_iter().find(|bits| bits.count() == count)
    }

    /// Whether weights are stored as codes of fewer bits than int8 has.
    pub(super) fn are_packed(self) -> bool {
        self < Bits::Seven
    }

    /// The largest int8 number of a matrix.
    pub(super) fn limit(self) -> i8 {
        if self == Bits::Eight { i8::MAX } else { 63 }
    }
}

/// How to quantize a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct QuantizeOptions {
    /// The bits of the matrices of the layers, at least 4. Default: 8.
    pub bits: Bits,
    /// The bits of the token embeddings. Default: 8, or 4 if the matrices have fewer than 7.
    pub table_bits: Option<Bits>,
}

impl From<Bits> for QuantizeOptions {
    fn from(bits: Bits) -> QuantizeOptions {
        QuantizeOptions { bits, table_bits: None }
    }
}
