//! What commands write to standard output and show on a terminal.
//!
//! Texts, names and messages of services come from strangers: no control character of them is
//! written, because it could change the terminal or what is read there. All that commands print
//! passes through this module.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

use indicatif::{ProgressBar, ProgressStyle};

use crate::error::{self, CliError};

/// Prints the result of a command.
pub fn print(text: &str) -> Result<(), CliError> {
    let mut stdout = io::stdout().lock();
    let lines = text.split('\n').map(one_line).collect::<Vec<_>>().join("\n");
    let written = stdout.write_all(lines.as_bytes()).and_then(|()| stdout.flush());
    is_read(written, "the result").map(|_| ())
}

/// Prints one line on standard error.
#[expect(clippy::print_stderr, reason = "the only place that prints to standard error")]
pub fn message(text: impl Display) {
    eprintln!("crossrank: {}", one_line(&text.to_string()));
}

/// A text without line breaks and other control characters, which are spelled as in JSON, such as
/// `\u001b`.
pub fn one_line(text: &str) -> Cow<'_, str> {
    if !text.contains(is_control) {
        return text.into();
    }
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        match is_control(c) {
            true => line += &format!("\\u{:04x}", u32::from(c)),
            false => line.push(c),
        }
    }
    line.into()
}

/// A line of the result of a command.
pub fn line(text: &str) -> String {
    format!("{}\n", one_line(text))
}

/// Whether a character controls how others are shown: those of C0 and C1, the separators of lines
/// and paragraphs, and those that change the direction of text. None has more than 16 bits.
fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}')
}

/// Whether the reader of an output still reads, after a write to it. A reader such as `head` stops
/// when it has seen enough, which is not an error.
pub fn is_read(written: io::Result<()>, output: &str) -> Result<bool, CliError> {
    match written {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error::io(format!("cannot write {output}"))(error)),
    }
}

/// A value as one line of JSON, with a line break at the end.
pub fn json_line(value: &impl serde::Serialize) -> String {
    line(&serde_json::to_string(value).expect("the value has only text keys and numbers"))
}

/// A value as indented JSON, with a line break at the end.
pub fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(value).expect("the value has only text keys and numbers") + "\n"
}

/// A progress bar on standard error. It is shown only on a terminal.
pub fn progress_bar(total: usize, unit: &str) -> ProgressBar {
    let style = format!("{{bar:30}} {{pos}}/{{len}} {unit}, {{eta}} left");
    let style = ProgressStyle::with_template(&style).expect("the template is valid");
    ProgressBar::new(total as u64).with_style(style)
}

/// The start of a passage, for one line of a terminal.
pub fn excerpt(text: &str) -> String {
    const MAX_CHARACTERS: usize = 90;
    let start = match text.char_indices().nth(MAX_CHARACTERS) {
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
        None => text.to_owned(),
    };
    one_line(&start.replace(['\t', '\n', '\r'], " ")).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_control_character_is_left() {
        let controls = (0..0x20).chain(0x7f..0xa0).chain([0x61c, 0x200e, 0x200f]);
        let controls = controls.chain(0x2028..=0x202e).chain(0x2066..=0x2069);
        for c in controls.map(|code| char::from_u32(code).unwrap()) {
            let text = format!("a{c}b");
            let line = one_line(&text);
            assert_eq!(line, format!("a\\u{:04x}b", u32::from(c)));
            let json = json_line(&text);
            assert!(json.is_ascii() && !json.trim_end().contains(is_control), "{json}");
            assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
        assert_eq!(one_line("naïve 向量 👩\u{200d}🚀 שלום"), "naïve 向量 👩\u{200d}🚀 שלום");
        assert_eq!(excerpt("a\tb\u{1b}[2J"), "a b\\u001b[2J");
    }
}
