//! Writes the pages and the scripts.

use std::fs;
use std::path::PathBuf;

use clap::{Args, Command};
use clap_complete::{Shell, generate};

use super::markdown::markdown;
use super::roff::page;
use crate::error::{CliError, io};
use crate::output::{line, print_script};

#[derive(Args)]
pub struct ManArgs {
    /// Folder to write to. It gets crossrank.1 and a page for each command
    #[arg(value_name = "DIR", required_unless_present = "markdown")]
    dir: Option<PathBuf>,
    /// Print one page of Markdown about all commands instead
    #[arg(long, conflicts_with = "dir")]
    markdown: bool,
}

#[derive(Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    shell: Shell,
}

/// Writes the manual. `command` is the whole command.
pub fn man(args: &ManArgs, command: Command) -> Result<String, CliError> {
    let mut command = command.disable_help_subcommand(true);
    command.build();
    let Some(dir) = &args.dir else { return Ok(markdown(&command)) };
    fs::create_dir_all(dir).map_err(io(format!("cannot create {}", dir.display())))?;
    let commands: Vec<&Command> = [&command].into_iter().chain(command.get_subcommands()).collect();
    for command in &commands {
        let (name, text) = page(command);
        let path = dir.join(name);
        fs::write(&path, text).map_err(io(format!("cannot write {}", path.display())))?;
    }
    Ok(line(&format!("{} pages in {}", commands.len(), dir.display())))
}

/// Prints a shell's script of completions. `command` is the whole command.
pub fn completions(args: &CompletionsArgs, mut command: Command) -> Result<String, CliError> {
    let mut script = Vec::new();
    generate(args.shell, &mut command, "crossrank", &mut script);
    print_script(&script).map(|()| String::new())
}
