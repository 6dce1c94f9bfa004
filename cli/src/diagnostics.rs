//! Reports what could not be indexed: one line for each problem on standard error, and their number.

use std::fmt::Display;
use std::path::Path;

use indicatif::ProgressBar;

use crate::output::message;

/// The largest number of lines about one file.
#[cfg(feature = "search")]
const MAX_LINES: usize = 20;

pub struct Diagnostics {
    /// The number of problems, with those that were not printed.
    pub count: usize,
    bar: ProgressBar,
    /// The problems of the current file.
    #[cfg(feature = "search")]
    in_file: usize,
}

impl Diagnostics {
    pub fn new() -> Diagnostics {
        Diagnostics {
            count: 0,
            bar: ProgressBar::hidden(),
            #[cfg(feature = "search")]
            in_file: 0,
        }
    }

    /// Prints lines above this progress bar from now on.
    pub fn print_above(&mut self, bar: &ProgressBar) {
        self.bar = bar.clone();
    }

    /// Reports a problem with a path.
    pub fn report_path(&mut self, path: &Path, problem: impl Display) {
        self.print(format_args!("{}: {problem}", path.display()));
    }

    /// Reports a problem of the current file, in a message that names the place. After
    /// [`MAX_LINES`] of them, problems are only counted.
    #[cfg(feature = "search")]
    pub fn report(&mut self, message: impl Display) {
        self.in_file += 1;
        match self.in_file {
            1..=MAX_LINES => self.print(message),
            _ => self.count += 1,
        }
    }

    /// Ends the current file.
    #[cfg(feature = "search")]
    pub fn end_file(&mut self, path: &Path) {
        if let Some(more @ 1..) = self.in_file.checked_sub(MAX_LINES) {
            // The line that says how many more there are counts as one of them.
            self.count -= 1;
            self.print(format_args!("{}: {more} more such lines", path.display()));
        }
        self.in_file = 0;
    }

    fn print(&mut self, line: impl Display) {
        self.count += 1;
        self.bar.suspend(|| message(line));
    }
}
