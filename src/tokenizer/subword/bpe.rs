//! Byte-level BPE, the tokenizer of RoBERTa and ModernBERT. Text is cut into words, numbers and runs of other
//! characters, each with the space before it. The bytes of each are joined, pair by pair, in the order in which
//! pairs became tokens when the tokenizer was trained (Sennrich et al. 2016, arXiv:1508.07909; Radford et al.
//! 2019).
//!
//! It gives exactly the tokens of the `tokenizers` crate.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};

use super::chars::Char;
use super::letters::{LETTERS, NUMBERS};
use super::tokens::Tokens;
use super::unigram::Step;
use super::vocabulary::Vocabulary;

pub(super) struct Bpe {
    normalizer: Vec<Step>,
    /// Whether a space is put before a text that does not begin with one.
    prefix_space: bool,
    /// Whether the offsets of a token leave out the spaces before it.
    trim_offsets: bool,
    vocabulary: Vocabulary,
    /// What two tokens are joined to: the rank of the pair, lowest first, and the token.
    merges: HashMap<(u32, u32), (u32, u32)>,
    /// The token of each byte.
    bytes: [u32; 256],
    /// By token: whether its text is joined to it, as it is in all usual vocabularies. Most words are tokens,
    /// and none of these is joined twice.
    whole: Vec<AtomicU8>,
}

const UNKNOWN: u8 = 0;
const WHOLE: u8 = 1;
const PARTS: u8 = 2;

/// The character that stands for a byte in vocabularies: itself if it can be printed in Latin-1, or else one of
/// those from U+0100 on.
fn char_of(byte: u8) -> char {
    let is_printed = |byte| matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    match is_printed(byte) {
        true => byte.into(),
        false => {
            let before = (0..byte).filter(|&byte| !is_printed(byte)).count();
            char::from_u32(0x100 + before as u32).unwrap_or_default()
        }
    }
}

fn chars_of_bytes() -> &'static [char; 256] {
    static CHARS: OnceLock<[char; 256]> = OnceLock::new();
    CHARS.get_or_init(|| std::array::from_fn(|byte| char_of(byte as u8)))
}

impl Bpe {
    /// `merges` are pairs of texts of tokens, which are in the vocabulary, as are what they are joined to and
    /// each byte. Otherwise the result says what is missing.
    pub fn new(
        normalizer: Vec<Step>,
        (prefix_space, trim_offsets): (bool, bool),
        vocabulary: Vocabulary,
        pairs: &[(String, String)],
    ) -> Result<Bpe, String> {
        let token = |text: &str| {
            vocabulary.id(text).ok_or_else(|| format!("its vocabulary lacks the token {text}"))
        };
        let mut bytes = [0; 256];
        for (id, char) in bytes.iter_mut().zip(chars_of_bytes()) {
            *id = token(char.encode_utf8(&mut [0; 4]))?;
        }
        let mut merges = HashMap::with_capacity(pairs.len());
        let mut both = String::new();
        for (rank, (left, right)) in pairs.iter().enumerate() {
            both.clear();
            both.extend([left.as_str(), right]);
            merges.insert((token(left)?, token(right)?), (rank as u32, token(&both)?));
        }
        let whole = (0..vocabulary.len()).map(|_| AtomicU8::new(UNKNOWN)).collect();
        Ok(Bpe { normalizer, prefix_space, trim_offsets, vocabulary, merges, bytes, whole })
    }

    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    pub fn normalize(&self, chars: Vec<Char>) -> Vec<Char> {
        self.normalizer.iter().fold(chars, |chars, step| step.apply(chars))
    }

    /// The tokens of normalized text.
    pub fn tokenize(&self, chars: &[Char], tokens: &mut Tokens) {
        let mut prefixed;
        let mut chars = chars;
        if let Some(&first) = chars.first().filter(|c| self.prefix_space && c.char != ' ') {
            prefixed = vec![Char { char: ' ', end: first.start, ..first }];
            prefixed.extend(chars);
            chars = &prefixed;
        }
        let mut word = Word::default();
        let mut start = 0;
        while start < chars.len() {
            let end = start + word_length(&chars[start..]);
            self.split_word(&chars[start..end], &mut word, tokens);
            start = end;
        }
    }

    fn split_word(&self, chars: &[Char], word: &mut Word, tokens: &mut Tokens) {
        word.read(chars);
        let id = self.vocabulary.id(&word.text);
        let state = id.and_then(|id| self.whole.get(id as usize));
        if let (Some(id), Some(WHOLE)) = (id, state.map(|state| state.load(Ordering::Relaxed))) {
            return tokens.push(id, self.offsets(chars, &(0..word.bytes.len()), word));
        }
        let before = tokens.len();
        self.join(word);
        let mut end = 0;
        for symbol in word.symbols.iter().filter(|symbol| symbol.length > 0) {
            let range = end..end + symbol.length;
            end = range.end;
            tokens.push(symbol.id, self.offsets(chars, &range, word));
        }
        if let Some(state) = state {
            let is_whole = tokens.ids[before..] == [id.unwrap_or_default()];
            state.store(if is_whole { WHOLE } else { PARTS }, Ordering::Relaxed);
        }
    }

    /// The offsets of some bytes of a word.
    fn offsets(&self, chars: &[Char], bytes: &Range<usize>, word: &Word) -> (usize, usize) {
        let mut of = &chars[word.bytes[bytes.start].1..=word.bytes[bytes.end - 1].1];
        while let [first, rest @ ..] = of
            && self.trim_offsets
            && first.char == ' '
            && !rest.is_empty()
        {
            of = rest;
        }
        (of[0].start, of[of.len() - 1].end)
    }

    /// Joins the symbols of a word, the pair with the lowest rank first, and of equal ones the first.
    fn join(&self, word: &mut Word) {
        let Word { bytes, symbols, queue, .. } = word;
        symbols.clear();
        symbols.extend(bytes.iter().enumerate().map(|(i, &(byte, _))| Symbol {
            id: self.bytes[usize::from(byte)],
            length: 1,
            before: i.wrapping_sub(1),
            next: i + 1,
        }));
        queue.clear();
        let pair = |symbols: &[Symbol], at: usize| {
            let [left, right] = [symbols.get(at)?, symbols.get(symbols.get(at)?.next)?];
            let &(rank, id) = self.merges.get(&(left.id, right.id))?;
            Some(Reverse((rank, at, id)))
        };
        queue.extend((0..symbols.len()).filter_map(|at| pair(symbols, at)));
        while let Some(Reverse(best)) = queue.pop() {
            let (_, at, id) = best;
            // What the pair was may have been joined with something else since.
            if symbols[at].length == 0 || pair(symbols, at) != Some(Reverse(best)) {
                continue;
            }
            let next = symbols[at].next;
            let right = symbols[next];
            symbols[next].length = 0;
            let left = &mut symbols[at];
            (left.id, left.length, left.next) = (id, left.length + right.length, right.next);
            let before = left.before;
            if let Some(next) = symbols.get_mut(right.next) {
                next.before = at;
            }
            queue.extend(pair(symbols, before));
            queue.extend(pair(symbols, at));
        }
    }
}

/// A word on its way to tokens, and buffers.
#[derive(Default)]
struct Word {
    /// Its bytes in the characters of the vocabulary.
    text: String,
    /// Each byte, with the index of the character that it belongs to.
    bytes: Vec<(u8, usize)>,
    symbols: Vec<Symbol>,
    queue: BinaryHeap<Reverse<(u32, usize, u32)>>,
}

/// A token within a word.
#[derive(Clone, Copy)]
struct Symbol {
    id: u32,
    /// The number of its bytes; 0 if it was joined to the one before it.
    length: usize,
    before: usize,
    next: usize,
}

impl Word {
    fn read(&mut self, chars: &[Char]) {
        self.text.clear();
        self.bytes.clear();
        let of_bytes = chars_of_bytes();
        for (index, c) in chars.iter().enumerate() {
            for &byte in c.char.encode_utf8(&mut [0; 4]).as_bytes() {
                self.text.push(of_bytes[usize::from(byte)]);
                self.bytes.push((byte, index));
            }
        }
    }
}

/// The length of the first word of a text that is not empty, by the pattern
/// `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`.
fn word_length(chars: &[Char]) -> usize {
    const CONTRACTIONS: [&str; 7] = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"];
    let begins = |text: &&&str| text.chars().eq(chars.iter().take(text.len()).map(|c| c.char));
    if chars[0].char == '\''
        && let Some(found) = CONTRACTIONS.iter().find(begins)
    {
        return found.len();
    }
    let space = usize::from(chars[0].char == ' ');
    let run = |from: usize, class: Class| {
        let others = chars[from..].iter().position(|c| Class::of(c.char) != class);
        others.map_or(chars.len(), |count| from + count)
    };
    match chars.get(space).map(|c| Class::of(c.char)) {
        Some(class) if class != Class::Space => run(space, class),
        _ => match run(0, Class::Space) {
            // The last space before something else belongs to that.
            end if end < chars.len() && end > 1 => end - 1,
            end => end,
        },
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Class {
    Space,
    Letter,
    Number,
    Other,
}

impl Class {
    fn of(char: char) -> Class {
        match char {
            'a'..='z' | 'A'..='Z' => Class::Letter,
            '0'..='9' => Class::Number,
            _ if char.is_whitespace() => Class::Space,
            '\0'..='\x7f' => Class::Other,
            _ => {
                static TABLES: OnceLock<[Vec<u32>; 2]> = OnceLock::new();
                let tables = TABLES.get_or_init(|| [ends(&LETTERS), ends(&NUMBERS)]);
                // An odd number of ends before it means that it is within a range.
                let is_in = |ends: &[u32]| ends.partition_point(|&end| end <= char.into()) % 2 == 1;
                match tables.each_ref().map(|ends| is_in(ends)) {
                    [true, _] => Class::Letter,
                    [_, true] => Class::Number,
                    _ => Class::Other,
                }
            }
        }
    }
}

/// The ends of the ranges of a table.
fn ends(table: &[u8]) -> Vec<u32> {
    let (mut ends, mut last, mut number) = (Vec::new(), 0, 0);
    for &byte in table {
        number = number << 7 | u32::from(byte & 0x7f);
        if byte < 0x80 {
            last += std::mem::take(&mut number);
            ends.push(last);
        }
    }
    ends
}
