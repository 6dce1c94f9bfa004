//! What is wrong with a machine or its settings.

use serde::Serialize;

#[derive(Debug, PartialEq, Serialize)]
pub struct Problem {
    /// Whether something cannot work because of it.
    broken: bool,
    /// What is wrong, and what to do.
    message: String,
}

impl Problem {
    pub fn broken(message: String) -> Problem {
        Problem { broken: true, message }
    }

    pub fn warning(message: String) -> Problem {
        Problem { broken: false, message }
    }

    pub fn is_broken(&self) -> bool {
        self.broken
    }

    pub fn message(&self) -> &str {
        &self.message
    }
}
