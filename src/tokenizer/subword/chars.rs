//! Text that is being normalized: characters with their offsets in the original text.

/// A character of normalized text, and the start and the end of the original text that it stands for.
#[derive(Clone, Copy)]
pub(super) struct Char {
    pub char: char,
    pub start: usize,
    pub end: usize,
}

/// The characters of a text that begins at byte `offset`.
pub(super) fn with_offsets(text: &str, offset: usize) -> Vec<Char> {
    let with_offset = |(i, char): (usize, char)| Char {
        char,
        start: offset + i,
        end: offset + i + char.len_utf8(),
    };
    text.char_indices().map(with_offset).collect()
}

pub(super) fn text(chars: &[Char]) -> String {
    chars.iter().map(|c| c.char).collect()
}

/// The start and the end of the original text that these characters stand for. There must be at least
/// one.
pub(super) fn span(chars: &[Char]) -> (usize, usize) {
    (chars[0].start, chars[chars.len() - 1].end)
}

/// Replaces each character by several, which get its offsets.
pub(super) fn expand(chars: Vec<Char>, each: impl Fn(char, &mut Vec<char>)) -> Vec<Char> {
    let mut expanded = Vec::with_capacity(chars.len());
    let mut new = Vec::new();
    for c in chars {
        each(c.char, &mut new);
        expanded.extend(new.drain(..).map(|char| Char { char, ..c }));
    }
    expanded
}

pub(super) fn lowercase(chars: Vec<Char>) -> Vec<Char> {
    expand(chars, |c, out| out.extend(c.to_lowercase()))
}
