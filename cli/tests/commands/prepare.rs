//! Prepared models in the commands.

#![cfg(target_os = "linux")]

use std::fs;

use crate::common::int8_files;

/// A process that loads a prepared model and scores a pair holds little more than the file in memory.
#[test]
fn loading_needs_little_more_than_the_file() {
    use std::io::{BufRead, BufReader, Write};
    use std::process::{Command, Stdio};

    let folder = temp_dir::TempDir::new().unwrap();
    let path = folder.path().join("model.crossrank");
    let prepared = int8_files().prepare().unwrap();
    fs::write(&path, &prepared).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_crossrank"))
        .args(["rerank", "--jsonl", "-", "--threads", "1", "--model"])
        .arg(&path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // The process waits for the next line while its memory is measured.
    let mut input = child.stdin.take().unwrap();
    writeln!(input, r#"{{"id": "1", "query": "a b", "documents": ["c d"]}}"#).unwrap();
    let mut result = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut result).unwrap();
    assert!(result.contains("logit"), "{result}");
    let about = |file| fs::read_to_string(format!("/proc/{}/{file}", child.id())).unwrap();
    let kilobytes = |line: &str| line.trim().trim_end_matches(" kB").parse::<usize>().unwrap();
    let status = about("status");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).map(kilobytes).unwrap();
    // The system decides how much of the program itself, with its bundled models, is in memory.
    let (maps, mut is_program) = (about("smaps"), false);
    let mut program = 0;
    for line in maps.lines() {
        match line.strip_prefix("Rss:") {
            Some(rss) if is_program => program += kilobytes(rss),
            None if line.contains(':') && line.contains('-') => {
                is_program = line.ends_with(env!("CARGO_BIN_EXE_crossrank"));
            }
            _ => {}
        }
    }
    assert!(program > 0, "the program is not in its own memory");
    let peak = peak - program;
    drop(input);
    assert!(child.wait().unwrap().success());
    let share = (peak * 1024) as f64 / prepared.len() as f64;
    eprintln!("{peak} kB, {share:.2} of the file");
    assert!(share <= 1.3, "{peak} kB are {share:.2} of the file");
}
