//! What could not be indexed: a line each on standard error, and their number.

use std::fmt::Display;
use std::path::Path;

use indicatif::ProgressBar;

/// The most lines about one file.
const MAX_LINES: usize = 20;

pub struct Problems {
    pub count: usize,
    bar: ProgressBar,
    /// Lines about the file that is read now.
    of_file: usize,
}

impl Problems {
    pub fn new() -> Problems {
        Problems { count: 0, bar: ProgressBar::hidden(), of_file: 0 }
    }

    /// Lines go above this bar from now on.
    pub fn above(&mut self, bar: &ProgressBar) {
        self.bar = bar.clone();
    }

    pub fn add(&mut self, path: &Path, what: impl Display) {
        self.line(format_args!("{}: {what}", path.display()));
    }

    /// A complaint that names its place itself, about a line of a file with many.
    pub fn add_line(&mut self, what: impl Display) {
        self.of_file += 1;
        match self.of_file {
            1..=MAX_LINES => self.line(what),
            _ => self.count += 1,
        }
    }

    /// Ends the lines about a file.
    pub fn end_file(&mut self, path: &Path) {
        if let Some(more @ 1..) = self.of_file.checked_sub(MAX_LINES) {
            self.count -= 1;
            self.line(format_args!("{}: {more} more such lines", path.display()));
        }
        self.of_file = 0;
    }

    fn line(&mut self, what: impl Display) {
        self.count += 1;
        self.bar.suspend(|| eprintln!("crossrank: {what}"));
    }
}
