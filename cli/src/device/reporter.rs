//! How a command reports on devices.

use crate::output::{message, warning};

#[derive(Clone, Copy)]
pub struct Reporter {
    /// Says which device was chosen, and why.
    #[cfg_attr(
        not(feature = "gpu"),
        expect(dead_code, reason = "without GPUs there is no choice")
    )]
    pub info: fn(&str),
    /// Says what does not work.
    pub warn: fn(&str),
}

impl Reporter {
    /// For commands that run in a terminal.
    pub const STDERR: Reporter =
        Reporter { info: |text| message(text), warn: |text| warning(text) };
}
