//! Colours, and errors that say what was probably meant.

use crate::command::{crossrank, crossrank_in, fails};

const PASSAGES: &[u8] = b"Bananas are yellow.\nA vector database stores vectors.\n";
const TABLE: [&str; 3] = ["rerank", "--query", "vector"];

/// Both outputs of a command.
fn all(environment: &[(&str, &str)], arguments: &[&str]) -> String {
    let output = crossrank_in(environment, arguments, PASSAGES);
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

/// A text without the escape sequences that set colours.
fn without_colors(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let mut plain = parts.next().unwrap().to_owned();
    for part in parts {
        let (codes, rest) = part.split_once('m').expect("only colours are set");
        assert!(codes.chars().all(|c| c.is_ascii_digit() || c == ';'), "{codes:?}");
        plain += rest;
    }
    plain
}

#[test]
fn output_for_people_has_colors_where_it_should() {
    let plain = all(&[], &TABLE);
    assert!(!plain.contains('\u{1b}'), "a pipe gets no colours: {plain:?}");
    let always = [&TABLE[..], &["--color", "always"]].concat();
    let colored = all(&[], &always);
    assert!(colored.contains("\u{1b}[32m"), "the score is green: {colored:?}");
    assert_eq!(without_colors(&colored), plain);
    assert_eq!(
        all(&[("NO_COLOR", "1")], &always),
        colored,
        "an option counts more than a variable"
    );
    assert_eq!(all(&[("CLICOLOR_FORCE", "1")], &TABLE), colored);
    assert_eq!(all(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], &TABLE), plain);
    let never = [&TABLE[..], &["--color", "never"]].concat();
    assert_eq!(all(&[("CLICOLOR_FORCE", "1")], &never), plain);

    // Before the command it means the same.
    let first = [&["--color", "always"], &TABLE[..]].concat();
    assert_eq!(all(&[], &first), colored);
    let json = [&always[..], &["--json"]].concat();
    assert!(!all(&[], &json).contains('\u{1b}'));
    let missing = all(&[], &[&always[..], &["no-such-file"]].concat());
    assert!(missing.contains("\u{1b}[1m\u{1b}[31mio: \u{1b}[0m"), "{missing:?}");
    assert!(without_colors(&missing).starts_with("crossrank: io: no-such-file: cannot be read"));
    fails(&[&TABLE[..], &["--color", "sometimes"]].concat(), b"", "invalid-argument");
}

/// A text of a stranger gets no control character through, whatever the colours are.
#[test]
fn colors_let_no_control_characters_through() {
    let attack = "a vector \u{1b}[2J\u{1b}[31m\u{7}\u{9b}2J\u{202e}";
    let output = crossrank(&[&TABLE[..], &["--color", "always"]].concat(), attack.as_bytes());
    let table = String::from_utf8(output.stdout).unwrap();
    let plain = without_colors(&table);
    assert!(plain.contains("a vector \\u001b[2J\\u001b[31m\\u0007\\u009b2J\\u202e"), "{plain}");
    assert!(!plain.contains(|c: char| c.is_control() && c != '\n'), "{plain:?}");
}

/// `script` of util-linux runs a command on a terminal.
#[test]
#[cfg(target_os = "linux")]
fn a_terminal_gets_colors() {
    use std::process::Command;
    let on_terminal = |environment: &[(&str, &str)]| {
        let command = format!(
            "{} rerank --query vector examples/passages.txt",
            env!("CARGO_BIN_EXE_crossrank")
        );
        let mut script = Command::new("script");
        script.args(["-qec", &command, "/dev/null"]).current_dir(crate::common::root());
        for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "CI"] {
            script.env_remove(name);
        }
        let output = script.env("TERM", "xterm").envs(environment.iter().copied()).output();
        let output = output.expect("the package bsdutils is installed");
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(on_terminal(&[]).contains("\u{1b}[32m"));
    for environment in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let text = on_terminal(&[environment]);
        assert!(text.contains("passage") && !text.contains("\u{1b}[32m"), "{text:?}");
    }
}

#[test]
fn wrong_arguments_get_the_right_ones_named() {
    for (arguments, said) in [
        (&["rernak"][..], "a similar subcommand exists: 'rerank'; see crossrank --help"),
        (
            &["rerank", "--qury", "x"],
            "a similar argument exists: '--query'; see crossrank rerank --help",
        ),
        (
            &["rerank", "--query", "x", "--device", "gpus"],
            "[possible values: cpu, gpu, auto]; tip: a similar value exists: 'gpu'",
        ),
        (&["rerank", "--query", "x", "--remote", "u", "--api", "coher"], "'cohere'"),
        (&["rerank", "--query", "x", "--split", "paragraphs"], "'paragraph'"),
        (&["rerank", "--query", "x", "--long-documents", "window"], "'windows'"),
        (&["completions", "bsh"], "'bash'"),
        (&["rerank"], "not provided: --query <TEXT>; see crossrank rerank --help"),
        (&[], "no command is given; see crossrank --help"),
        (&["rerank", "--query", "x", "one", "two"], "unexpected argument 'two'"),
        (&["models", "bge-reranker-bas"], "; did you mean bge-reranker-base?"),
        (&["rerank", "--query", "x", "--model", "minilm-l6-em"], "; did you mean minilm-l6-en?"),
        (
            &["rerank", "--query", "x", "--model", "models/minilm-l6-em"],
            "; did you mean models/minilm-l6-en?",
        ),
        (
            &["rerank", "--query", "x", "examples/passage.txt"],
            "; did you mean examples/passages.txt?",
        ),
        (&["embed", "examples/passage.txt"], "; did you mean examples/passages.txt?"),
    ] {
        let output = crossrank(arguments, b"");
        let line = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), line.lines().count()), (Some(2), 1), "{line}");
        assert!(line.contains(said), "{arguments:?}: {line}");
    }
    let model = ["rerank", "--query", "x", "--model", "BAAI/bge-reranker-bas"];
    let line = fails(&model, b"", "model-not-installed");
    assert!(line.contains("; did you mean BAAI/bge-reranker-base?"), "{line}");
    let model = ["rerank", "--query", "x", "--model", "owner/unknown"];
    let line = fails(&model, b"", "model-not-installed");
    assert!(!line.contains("did you mean"), "{line}");
    let line = fails(&["rerank", "--query", "x", "no-such-file"], b"", "io");
    assert!(!line.contains("did you mean"), "{line}");
}
