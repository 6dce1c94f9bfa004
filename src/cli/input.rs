//! Reads text and JSON lines, with the file and line in every complaint.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::de::DeserializeOwned;

use super::Failure;

/// A whole text: a file, or standard input for `-`.
pub fn read_text(path: &Path) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let read = if path.as_os_str() == "-" {
        std::io::stdin().read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|mut file| file.read_to_end(&mut bytes))
    };
    read.map_err(|e| Failure::new("io", format!("cannot read {} ({e})", path.display())))?;
    let text = String::from_utf8(bytes).map_err(|e| {
        let before = &e.as_bytes()[..e.utf8_error().valid_up_to()];
        let line = 1 + before.iter().filter(|&&b| b == b'\n').count();
        Failure::new(
            "invalid-text",
            format!("{}:{line}: not UTF-8; convert the file, with iconv for one", path.display()),
        )
    })?;
    Ok(match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    })
}

/// The lines of a text that are not blank, with their numbers from 1.
pub fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(i, line)| (i + 1, line)).filter(|(_, l)| !l.trim().is_empty())
}

/// A line's complaint.
pub fn bad_line(path: &Path, line: usize, what: impl std::fmt::Display) -> Failure {
    Failure::new("invalid-input", format!("{}:{line}: {what}", path.display()))
}

/// One value of JSON a line.
pub fn read_jsonl<T: DeserializeOwned>(path: &Path) -> Result<Vec<(usize, T)>, Failure> {
    let text = read_text(path)?;
    lines(&text)
        .map(|(number, line)| match serde_json::from_str(line) {
            Ok(value) => Ok((number, value)),
            Err(e) => Err(bad_line(path, number, format_args!("not the JSON expected ({e})"))),
        })
        .collect()
}
