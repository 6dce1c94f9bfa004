//! Text that is being normalized: characters that know where they come from.

/// A character of normalized text, and the bytes of the text that it stands for.
#[derive(Clone, Copy)]
pub(super) struct Char {
    pub char: char,
    pub start: usize,
    pub end: usize,
}

/// The characters of a text that begins at byte `offset`.
pub(super) fn of(text: &str, offset: usize) -> Vec<Char> {
    let place = |(i, char): (usize, char)| Char {
        char,
        start: offset + i,
        end: offset + i + char.len_utf8(),
    };
    text.char_indices().map(place).collect()
}

pub(super) fn text(chars: &[Char]) -> String {
    chars.iter().map(|c| c.char).collect()
}

/// The bytes of the text that these characters stand for; there is at least one.
pub(super) fn place(chars: &[Char]) -> (usize, usize) {
    (chars[0].start, chars[chars.len() - 1].end)
}

/// Some characters for each, at its place.
pub(super) fn expand(chars: Vec<Char>, each: impl Fn(char, &mut Vec<char>)) -> Vec<Char> {
    let mut expanded = Vec::with_capacity(chars.len());
    let mut own = Vec::new();
    for c in chars {
        each(c.char, &mut own);
        expanded.extend(own.drain(..).map(|char| Char { char, ..c }));
    }
    expanded
}

pub(super) fn lowercase(chars: Vec<Char>) -> Vec<Char> {
    expand(chars, |c, out| out.extend(c.to_lowercase()))
}
