//! Manual pages, the page of the documentation, and completions.

use std::fs;
use std::process::{Command, Stdio};

use crate::command::{fails, stdout};

/// The commands that `crossrank --help` lists.
fn commands() -> Vec<String> {
    let help = stdout(&["--help"], b"");
    let (_, list) = help.split_once("Commands:\n").unwrap();
    let names = list.lines().take_while(|line| !line.is_empty());
    let names = names.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    names.filter(|name| !name.is_empty() && *name != "help").map(str::to_owned).collect()
}

#[test]
fn every_command_has_a_manual_page() {
    let folder = temp_dir::TempDir::new().unwrap();
    let pages = folder.path().join("share/man1");
    let said = stdout(&["man", pages.to_str().unwrap()], b"");
    let commands = commands();
    assert!(said.starts_with(&format!("{} pages in ", commands.len() + 1)), "{said}");
    assert_eq!(fs::read_dir(&pages).unwrap().count(), commands.len() + 1);
    let read = |name: &str| fs::read_to_string(pages.join(name)).unwrap();
    for command in &commands {
        let page = read(&format!("crossrank-{command}.1"));
        assert!(page.contains(".SH EXAMPLES\n.nf\n\\&crossrank "), "{page}");
        assert!(read("crossrank.1").contains(&format!("crossrank\\-{command}(1)")), "{command}");
    }
    let page = read("crossrank-rerank.1");
    assert!(page.contains(".TH crossrank-rerank 1"), "{page}");
    assert!(page.contains("\\fB\\-\\-top\\-k\\fR"), "{page}");

    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let line = fails(&["man", file.to_str().unwrap()], b"", "io");
    assert!(line.contains("cannot create"), "{line}");
    fails(&["man"], b"", "invalid-argument");
    fails(&["man", "--markdown", "folder"], b"", "invalid-argument");
}

/// `CROSSRANK_UPDATE=1` writes the page of the documentation anew.
#[test]
#[cfg(all(
    feature = "general",
    feature = "gpu",
    feature = "mcp",
    feature = "search",
    feature = "serve"
))]
fn the_documentation_has_all_commands_and_options() {
    let page = stdout(&["man", "--markdown"], b"");
    for command in commands() {
        assert!(page.contains(&format!("\n## crossrank {command}\n")), "{command}");
        let help = stdout(&[&command, "--help"], b"");
        let options = help.split_whitespace().filter(|word| word.starts_with("--"));
        // An option whose value may be left out has it in brackets.
        let options = options.map(|word| word.split('[').next().unwrap_or(word));
        for option in options.map(|word| word.trim_end_matches([',', ';', ':', '.'])) {
            assert!(page.contains(option), "{command} {option}");
        }
    }
    let path = crate::common::root().join("docs/reference/command.md");
    if std::env::var_os("CROSSRANK_UPDATE").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &page).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
    assert!(
        written == page,
        "docs/reference/command.md is not what the command says of itself; run CROSSRANK_UPDATE=1 \
         cargo test --release --workspace --all-features --test commands manual"
    );
}

#[test]
fn completions_are_scripts_of_their_shells() {
    for (shell, part) in [
        ("bash", "complete -F _crossrank"),
        ("elvish", "edit:completion:arg-completer[crossrank]"),
        ("fish", "complete -c crossrank"),
        ("powershell", "Register-ArgumentCompleter"),
        ("zsh", "#compdef crossrank"),
    ] {
        let script = stdout(&["completions", shell], b"");
        assert!(
            script.contains(part) && script.contains("--top-k") | script.contains("top-k"),
            "{shell}"
        );
        // The shells that are there must accept their scripts.
        let checked = Command::new(shell).arg("-n").stdin(Stdio::piped()).spawn();
        if let (Ok(mut child), "bash" | "zsh") = (checked, shell) {
            use std::io::Write;
            child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
            assert!(child.wait().unwrap().success(), "{shell}");
        }
    }
    fails(&["completions", "cmd"], b"", "invalid-argument");
    fails(&["completions"], b"", "invalid-argument");
}
