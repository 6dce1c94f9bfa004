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
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
    assert!(output.stdout.is_empty());
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(stderr.starts_with(&format!("crossrank: {code}: ")), "{stderr}");
    stderr
}
