//! Pages for `man`.

use clap::Command;
use clap_mangen::Man;

/// The page of a command that was built: the name of its file, and its text.
pub fn page(command: &Command) -> (String, Vec<u8>) {
    // Lines of examples would be filled like a paragraph.
    let examples = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let version = concat!("crossrank ", env!("CARGO_PKG_VERSION"));
    let man = Man::new(command.clone()).source(version).manual("crossrank");
    let mut text = Vec::new();
    let render = |text: &mut Vec<u8>| {
        man.render_title(text)?;
        man.render_name_section(text)?;
        man.render_synopsis_section(text)?;
        man.render_description_section(text)?;
        man.render_options_section(text)?;
        match command.has_subcommands() {
            true => man.render_subcommands_section(text),
            false => Ok(()),
        }
    };
    render(&mut text).expect("writing to memory succeeds");
    if let Some(lines) = examples.strip_prefix("Examples:\n") {
        text.extend_from_slice(b".SH EXAMPLES\n.nf\n");
        for line in lines.lines() {
            let line = line.trim_start().replace('\\', "\\e").replace('-', "\\-");
            // A full stop or an apostrophe at the start of a line would begin a request.
            text.extend_from_slice(format!("\\&{line}\n").as_bytes());
        }
        text.extend_from_slice(b".fi\n");
    }
    (man.get_filename(), text)
}
