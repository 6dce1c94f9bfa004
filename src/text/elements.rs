//! What the elements of HTML are to their texts.

/// How an element separates the text before it from the text in it and after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// It does not end a word.
    Inline,
    /// It ends a word but not a paragraph.
    WordBreak,
    /// It ends a paragraph.
    Block,
}

const INLINE: [&[u8]; 36] = [
    b"a", b"abbr", b"acronym", b"b", b"bdi", b"bdo", b"big", b"cite", b"code", b"data", b"del",
    b"dfn", b"em", b"font", b"i", b"img", b"ins", b"kbd", b"mark", b"nobr", b"q", b"rp", b"rt",
    b"ruby", b"s", b"samp", b"small", b"span", b"strike", b"strong", b"sub", b"sup", b"time",
    b"tt", b"u", b"var",
];

const WORD_BREAKS: [&[u8]; 8] =
    [b"br", b"button", b"input", b"label", b"option", b"td", b"th", b"wbr"];

/// The flow of an element with this name, in lower case.
pub fn flow_of(name: &[u8]) -> Flow {
    match name {
        name if INLINE.contains(&name) => Flow::Inline,
        name if WORD_BREAKS.contains(&name) => Flow::WordBreak,
        _ => Flow::Block,
    }
}

/// Whether a text is no word. Generators of pages put links with such texts, "¶" for one, beside
/// headings.
pub fn is_mark(text: &str) -> bool {
    !text.contains(char::is_alphanumeric)
}
