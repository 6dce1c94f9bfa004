//! One page of Markdown about all commands, for the documentation.

use std::fmt::Write;

use clap::{Arg, Command};

const INTRODUCTION: &str = "\
# Command reference

All commands of `crossrank`, with their arguments and options. `crossrank COMMAND --help` shows the
same, `crossrank man DIR` writes it as pages for `man`, and `crossrank completions SHELL` completes it
in a shell. This page is made by `crossrank man --markdown`.

A result goes to standard output. An error is one line on standard error, `crossrank: CODE: MESSAGE`,
and the exit code is then 2.

";

/// The page about a command that was built.
pub fn markdown(command: &Command) -> String {
    let mut page = String::from(INTRODUCTION);
    page += "| Command | What it does |\n|---|---|\n";
    for command in command.get_subcommands() {
        let (name, about) = (command.get_name(), about(command));
        add(&mut page, format_args!("| [`{name}`](#crossrank-{name}) | {about} |\n"));
    }
    page += "\n## Options of every command\n\n";
    page += &table("Option", command.get_arguments());
    for command in command.get_subcommands() {
        let name = command.get_bin_name().unwrap_or_else(|| command.get_name());
        add(&mut page, format_args!("\n## {name}\n\n{}.\n\n", about(command)));
        let usage = command.clone().render_usage().to_string();
        let usage = usage.trim_start_matches("Usage: ");
        add(&mut page, format_args!("```text\n{usage}\n```\n\n"));
        let own = || command.get_arguments().filter(|arg| !is_general(arg));
        let arguments = table("Argument", own().filter(|arg| arg.is_positional()));
        let options = table("Option", own().filter(|arg| !arg.is_positional()));
        let parts = [arguments, options].into_iter().filter(|table| !table.is_empty());
        page += &parts.collect::<Vec<_>>().join("\n");
        if let Some(examples) = command.get_after_help() {
            let lines = examples.to_string();
            let lines = lines.lines().skip(1).map(|line| format!("{}\n", line.trim_start()));
            add(&mut page, format_args!("\n```sh\n{}```\n", lines.collect::<String>()));
        }
    }
    page
}

fn add(page: &mut String, text: std::fmt::Arguments) {
    page.write_fmt(text).expect("writing to a string succeeds");
}

fn about(command: &Command) -> String {
    escape(&command.get_about().map(ToString::to_string).unwrap_or_default())
}

/// Whether every command has this option.
fn is_general(arg: &Arg) -> bool {
    arg.is_global_set() || ["help", "version"].contains(&arg.get_id().as_str())
}

/// A table of arguments, or nothing if there are none.
fn table<'a>(heading: &str, arguments: impl Iterator<Item = &'a Arg>) -> String {
    let rows: String = arguments
        .map(|argument| format!("| `{}` | {} |\n", name(argument), description(argument)))
        .collect();
    match rows.is_empty() {
        true => rows,
        false => format!("| {heading} | Meaning |\n|---|---|\n{rows}"),
    }
}

/// The name of an argument with its value, such as `-o, --output <FILE>`. A `|` would end the cell.
fn name(argument: &Arg) -> String {
    let short = argument.get_short().map(|short| format!("-{short}"));
    let long = argument.get_long().map(|long| format!("--{long}"));
    let names: Vec<String> = short.into_iter().chain(long).collect();
    let range = argument.get_num_args().expect("the command was built");
    let values = argument.get_value_names().unwrap_or_default().join("> <");
    let value = match (argument.is_positional(), range.min_values(), range.max_values()) {
        (_, _, 0) => String::new(),
        (true, _, 1) => format!("<{values}>"),
        (true, ..) => format!("<{values}>..."),
        (false, 0, _) => format!("[=<{values}>]"),
        (false, ..) => format!(" <{values}>"),
    };
    format!("{}{value}", names.join(", ")).replace('|', "\\|")
}

/// The help of an argument, its values and its default.
fn description(argument: &Arg) -> String {
    let help = argument.get_long_help().or_else(|| argument.get_help());
    let help = match argument.get_id().as_str() {
        // clap's text is about one of the two forms.
        "help" => "Print help; -h prints a summary".to_owned(),
        _ => help.map(ToString::to_string).unwrap_or_default(),
    };
    // Where the default is no value of the option, the help ends with it.
    let (help, default) =
        match help.strip_suffix(']').and_then(|help| help.rsplit_once(" [default: ")) {
            Some((help, default)) => (help.to_owned(), Some(escape(default))),
            None => (help, default(argument)),
        };
    let mut text = format!("{}.", escape(help.trim_end_matches('.')));
    let values = argument.get_possible_values();
    let values = values.iter().filter(|value| !value.is_hide_set() && !is_flag(argument));
    for value in values {
        let help = value.get_help().map(|help| format!(": {}", escape(&help.to_string())));
        text += &format!("<br>`{}`{}", value.get_name(), help.unwrap_or_default());
    }
    if let Some(default) = default {
        text += &format!("<br>Default: {default}");
    }
    text
}

fn is_flag(argument: &Arg) -> bool {
    argument.get_num_args().is_some_and(|range| range.max_values() == 0)
}

/// The default value of an option that shows it.
fn default(argument: &Arg) -> Option<String> {
    let values = argument.get_default_values();
    let is_hidden = argument.is_hide_default_value_set() || is_flag(argument);
    let values: Vec<_> = values.iter().map(|value| value.to_string_lossy()).collect();
    (!values.is_empty() && !is_hidden).then(|| format!("`{}`", values.join(",")))
}

/// A text in which nothing is Markdown or HTML. Shapes of JSON and names of options become code.
fn escape(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (mut escaped, mut depth, mut in_option) = (String::with_capacity(text.len()), 0, false);
    for (i, character) in text.char_indices() {
        if depth == 0 && text[i..].starts_with("--") && !in_option {
            escaped.push('`');
            in_option = true;
        } else if in_option && !character.is_ascii_lowercase() && character != '-' {
            escaped.push('`');
            in_option = false;
        }
        match character {
            '{' => {
                escaped += if depth == 0 { "`{" } else { "{" };
                depth += 1;
            }
            '}' => {
                depth -= 1;
                escaped += if depth == 0 { "}`" } else { "}" };
            }
            '|' => escaped += "\\|",
            '<' if depth == 0 => escaped += "&lt;",
            '*' | '_' | '`' | '[' | ']' if depth == 0 => {
                escaped.push('\\');
                escaped.push(character);
            }
            _ => escaped.push(character),
        }
    }
    if in_option {
        escaped.push('`');
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_is_markup() {
        for (text, escaped) in [
            ("a | <b> *c* _d_ [e]", "a \\| &lt;b> \\*c\\* \\_d\\_ \\[e\\]"),
            ("{id, x: [{a_b}]}: *", "`{id, x: [{a_b}]}`: \\*"),
            ("with --top-k, or --json", "with `--top-k`, or `--json`"),
            ("one\n\ntwo - three", "one two - three"),
        ] {
            assert_eq!(escape(text), escaped);
        }
    }
}
