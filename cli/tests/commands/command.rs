//! Runs the command as a user does.

use std::io::Write;
use std::process::{Command, Output, Stdio};

pub fn crossrank(arguments: &[&str], input: &[u8]) -> Output {
    crossrank_in(&[], arguments, input)
}

/// Runs the command with additional environment variables.
pub fn crossrank_in(environment: &[(&str, &str)], arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_crossrank"))
        .args(arguments)
        .env_remove("CLICOLOR_FORCE")
        .envs(environment.iter().copied())
        .current_dir(crate::common::root())
        .env("CROSSRANK_TEST_KEY", "test-key-123")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that fails on its arguments does not read its input.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

pub fn stdout(arguments: &[&str], input: &[u8]) -> String {
    let output = crossrank(arguments, input);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a command that must fail, and checks the form of its error message.
pub fn fails(arguments: &[&str], input: &[u8], code: &str) -> String {
    let output = crossrank(arguments, input);
    assert!(output.stdout.is_empty(), "{arguments:?}");
    complaint(output, code)
}

/// The error message of a command that failed, which is one line.
pub fn complaint(output: Output, code: &str) -> String {
    let line = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{line}");
    assert!(line.starts_with(&format!("crossrank: {code}: ")), "{line}");
    assert_eq!(line.lines().count(), 1, "{line}");
    line
}

/// A script of `sh -c` that runs a command where no file can grow beyond so many blocks of 512 bytes. As on a full
/// disk, `write` fails in the middle.
#[cfg(unix)]
pub fn on_full_disk(blocks: u32) -> String {
    format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"")
}
