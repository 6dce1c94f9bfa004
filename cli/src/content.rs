//! Recognizes files that are not text, and reads UTF-16.

use std::fmt::Display;
use std::io::{BufRead, Cursor, Read};
use std::path::Path;

use crate::error::CliError;

/// A reader of UTF-8.
pub type TextReader = Box<dyn BufRead>;

/// How a file that is not text begins, and what to do with it.
const SIGNATURES: [(&[u8], &str); 11] = [
    (b"\x1f\x8b", "compressed; gunzip it"),
    (b"BZh", "compressed; decompress it with bunzip2"),
    (b"\xfd7zXZ\0", "compressed; decompress it with unxz"),
    (b"\x28\xb5\x2f\xfd", "compressed; decompress it with unzstd"),
    (b"PK\x03\x04", "a ZIP archive or an office document; give the text in it"),
    (b"\xd0\xcf\x11\xe0", "an office document; save it as text"),
    (b"{\\rtf", "RTF; save it as text"),
    (b"%PDF-", "PDF; convert it to text, for example with pdftotext"),
    (b"%!PS", "PostScript; convert it to text, for example with ps2ascii"),
    (b"\xff\xfe\0\0", "UTF-32; convert it to UTF-8, for example with iconv"),
    (b"\0\0\xfe\xff", "UTF-32; convert it to UTF-8, for example with iconv"),
];

/// The text in UTF-8 of a file whose beginning says that it is UTF-16; any other text as it is. The
/// error says what the file is if it is not text.
pub fn decode(path: &Path, mut reader: TextReader) -> Result<TextReader, CliError> {
    let start = reader.fill_buf().map_err(|e| unreadable(path, e))?;
    if let Some((_, what)) = SIGNATURES.iter().find(|(bytes, _)| start.starts_with(bytes)) {
        return Err(not_text(path, what));
    }
    let decode_unit: fn([u8; 2]) -> u16 = match start {
        [0xff, 0xfe, ..] => u16::from_le_bytes,
        [0xfe, 0xff, ..] => u16::from_be_bytes,
        _ if start.contains(&0) => return Err(not_text(path, &with_zeros(start))),
        _ => return Ok(reader),
    };
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).map_err(|e| unreadable(path, e))?;
    let (units, rest) = bytes.as_chunks::<2>();
    // The first unit is the byte order mark.
    let units = units.iter().skip(1).map(|&unit| decode_unit(unit));
    let mut text = String::with_capacity(bytes.len());
    for character in char::decode_utf16(units) {
        let damaged = |_| damaged_utf16(path, &text);
        text.push(character.map_err(damaged)?);
    }
    match rest {
        [] => Ok(Box::new(Cursor::new(text.into_bytes()))),
        _ => Err(damaged_utf16(path, &text)),
    }
}

/// What a file with zero bytes is. In UTF-16, at least every second character of European text is
/// one of the first 256, whose other byte is zero.
fn with_zeros(start: &[u8]) -> String {
    let (units, _) = start.as_chunks::<2>();
    let is_utf16 = |decode_unit: fn([u8; 2]) -> u16| {
        let is_latin = |unit: &u16| (0x09..0x0e).contains(unit) || (0x20..0x100).contains(unit);
        let latin = units.iter().map(|&unit| decode_unit(unit)).filter(is_latin).count();
        latin * 2 > units.len() && !units.contains(&[0, 0])
    };
    let encoding = match () {
        () if is_utf16(u16::from_le_bytes) => "UTF-16LE",
        () if is_utf16(u16::from_be_bytes) => "UTF-16BE",
        () => return "binary".to_owned(),
    };
    format!("UTF-16 without a byte order mark; convert it with iconv -f {encoding} -t UTF-8")
}

/// The error for a file that cannot be read.
pub fn unreadable(path: &Path, error: impl Display) -> CliError {
    CliError::new("io", format!("{}: cannot be read ({error})", path.display()))
}

/// The error for a file that is not text. `what` says what it is, and what to do.
pub fn not_text(path: &Path, what: &str) -> CliError {
    CliError::new("invalid-text", format!("{}: {what}", path.display()))
}

fn damaged_utf16(path: &Path, before: &str) -> CliError {
    let line = 1 + before.matches('\n').count();
    let message = format!("{}:{line}: damaged UTF-16; convert the file to UTF-8", path.display());
    CliError::new("invalid-text", message)
}
