//! What commands write to standard output and show on a terminal.
//!
//! Texts, names and messages of services come from strangers: no control character of them is
//! written, because it could change the terminal or what is read there. All that commands print
//! passes through this module.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

use anstream::ColorChoice;
use clap::ValueEnum;
use clap::builder::styling::{self, AnsiColor};
use indicatif::{ProgressBar, ProgressStyle};

use crate::error::{self, CliError};

/// When output for people has colours.
#[derive(Clone, Copy, ValueEnum)]
pub enum Color {
    /// On a terminal, and with CLICOLOR_FORCE anywhere, unless NO_COLOR is set
    Auto,
    /// Also in files and pipes
    Always,
    /// Nowhere
    Never,
}

impl Color {
    /// Sets the choice for all that the process prints.
    pub fn apply(self) {
        let choice = match self {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        };
        choice.write_global();
    }
}

/// Whether standard error has colours.
#[cfg(feature = "serve")]
pub fn has_colored_messages() -> bool {
    anstream::AutoStream::choice(&io::stderr()) != ColorChoice::Never
}

/// What a part of a text is, which decides its colour.
#[derive(Clone, Copy)]
pub enum Part {
    Plain,
    /// The head of a table, or the name of a figure.
    Heading,
    Rank,
    Score,
    Path,
    Warning,
    Error,
}

impl Part {
    fn style(self) -> styling::Style {
        let color = |color: AnsiColor| color.on_default();
        match self {
            Part::Plain => styling::Style::new(),
            Part::Heading => styling::Style::new().bold(),
            Part::Rank => styling::Style::new().dimmed(),
            Part::Score => color(AnsiColor::Green),
            Part::Path => color(AnsiColor::Cyan),
            Part::Warning => color(AnsiColor::Yellow).bold(),
            Part::Error => color(AnsiColor::Red).bold(),
        }
    }
}

/// The result of a command for standard output: its parts one after another.
#[derive(Default)]
pub struct Text(Vec<(Part, String)>);

impl Text {
    /// Adds a part. Line breaks are kept; other control characters are spelled out when it is printed.
    pub fn push(&mut self, part: Part, text: impl Into<String>) {
        self.0.push((part, text.into()));
    }

    /// The text with its colours, and without the control characters of its parts.
    fn colored(&self) -> String {
        let mut colored = String::new();
        for (part, text) in &self.0 {
            let style = part.style();
            for (i, line) in text.split('\n').enumerate() {
                if i > 0 {
                    colored.push('\n');
                }
                match line.is_empty() {
                    true => (),
                    false => colored += &format!("{style}{}{style:#}", one_line(line)),
                }
            }
        }
        colored
    }
}

impl From<String> for Text {
    fn from(text: String) -> Text {
        Text(vec![(Part::Plain, text)])
    }
}

/// Prints the result of a command.
pub fn print(text: &Text) -> Result<(), CliError> {
    let mut stdout = anstream::stdout().lock();
    let written = stdout.write_all(text.colored().as_bytes()).and_then(|()| stdout.flush());
    is_read(written, "the result").map(|_| ())
}

/// Prints a script for a program, as it is. Nothing in it may come from strangers.
pub fn print_script(script: &[u8]) -> Result<(), CliError> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(script).and_then(|()| stdout.flush());
    is_read(written, "the result").map(|_| ())
}

/// Prints one line on standard error.
pub fn message(text: impl Display) {
    print_line(Part::Plain, "", text);
}

/// Prints one line on standard error, of something that does not work and does not end the command.
pub fn warning(text: impl Display) {
    print_line(Part::Warning, "warning: ", text);
}

/// Prints the error that ends the command as one line on standard error.
pub fn error(CliError { code, message }: &CliError) {
    print_line(Part::Error, &format!("{code}: "), message);
}

fn print_line(part: Part, label: &str, text: impl Display) {
    let mut line = Text::from("crossrank: ".to_owned());
    line.push(part, label);
    line.push(Part::Plain, one_line(&text.to_string()));
    line.push(Part::Plain, "\n");
    // Where standard error is closed, nobody misses the line.
    let _ = anstream::stderr().write_all(line.colored().as_bytes());
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

/// A progress bar for a number of bytes, with a message behind it.
pub fn bytes_bar(total: u64) -> ProgressBar {
    let style = "{bar:30} {decimal_bytes}/{decimal_total_bytes}, {decimal_bytes_per_sec}, \
                 {eta} left  {msg}";
    let style = ProgressStyle::with_template(style).expect("the template is valid");
    ProgressBar::new(total).with_style(style)
}

/// The start of a passage, for one line of a terminal. Each run of white space is one space.
pub fn excerpt(text: &str) -> String {
    const MAX_CHARACTERS: usize = 90;
    let mut start = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = start.char_indices().nth(MAX_CHARACTERS) {
        start.truncate(start[..end].trim_end().len());
        start.push('…');
    }
    one_line(&start).into_owned()
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
        assert_eq!(excerpt(" a\t\n  b\u{1b}[2J"), "a b\\u001b[2J");
        assert_eq!(excerpt(&"a ".repeat(60)), format!("{}…", "a ".repeat(45).trim_end()));
    }
}
