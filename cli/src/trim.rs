//! `crossrank trim`: drops the tokens that texts of some languages never have.

use std::path::PathBuf;

use clap::Args;
use crossrank::TrimOptions;

use crate::error::CliError;
use crate::model;
use crate::output::line;
use crate::passages::PassageArgs;
use crate::prepare;

#[derive(Args)]
pub struct TrimArgs {
    /// The model: a prepared model, a folder in the Hugging Face layout, a graph (.onnx) in such a folder,
    /// or the name of a model that crossrank pull has downloaded
    #[arg(value_name = "PATH|NAME")]
    model: PathBuf,
    /// The file to write, such as model.crossrank
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Keep the tokens of texts in these languages, named by their codes, such as en,de,zh-Hant: those
    /// whose letters are all in the alphabets of the languages, or in foreign words that are common there
    #[arg(long, value_name = "CODES", value_delimiter = ',', required_unless_present = "sample")]
    languages: Vec<String>,
    /// Keep the tokens of these texts: the lines of a text, or the field text of records (.jsonl,
    /// .ndjson, .json, .csv, .tsv)
    #[arg(long, value_name = "FILE")]
    sample: Option<PathBuf>,
}

pub fn run(args: &TrimArgs) -> Result<String, CliError> {
    let TrimArgs { model, output, languages, sample } = args;
    let mut options = TrimOptions::default();
    for language in languages {
        options.letters.extend(letters(language)?);
    }
    if let Some(sample) = sample {
        let texts = PassageArgs::of_file(sample.clone()).read()?;
        options.texts = texts.into_iter().map(|passage| passage.text).collect();
        if options.texts.is_empty() {
            return Err(CliError::new(
                "invalid-input",
                "the sample holds no texts; give one or more",
            ));
        }
    }
    let files = model::read(model)?;
    let (bytes, trimmed) = prepare::write(output, |file| files.trim_to(&options, file))?;
    let file = prepare::written(output, bytes);
    let tokens = format!("{} of {} tokens are left", trimmed.tokens, trimmed.tokens_before);
    Ok(file + &line(&tokens))
}

/// Lines of a language's code, a space, and its letters, in which `a-z` stands for all from `a` to `z`.
const ALPHABETS: &str = include_str!("../data/alphabets.txt");

/// The letters of a language by Unicode's CLDR: those of its alphabet, and those of foreign words that are
/// common in it. A code that is not listed, such as `en-GB`, means the one without its last part.
fn letters(language: &str) -> Result<Vec<char>, CliError> {
    let alphabets = || ALPHABETS.lines().filter(|line| !line.starts_with('#'));
    let mut code = language.trim();
    loop {
        let is_code =
            |line: &&str| line.split(' ').next().is_some_and(|c| c.eq_ignore_ascii_case(code));
        if let Some((_, letters)) = alphabets().find(is_code).and_then(|l| l.split_once(' ')) {
            return Ok(expand(letters));
        }
        code = code.rsplit_once('-').map(|(before, _)| before).ok_or_else(|| {
            let message = format!(
                "--languages: no alphabet is known for {language:?}; give codes such as en, de, pt or \
                 zh-Hant, separated by commas"
            );
            CliError::new("invalid-argument", message)
        })?;
    }
}

fn expand(letters: &str) -> Vec<char> {
    let mut all = Vec::new();
    let mut rest = letters.chars();
    while let Some(letter) = rest.next() {
        match (letter, all.last()) {
            ('-', Some(&first)) => {
                all.extend(rest.next().into_iter().flat_map(|last| first..=last))
            }
            _ => all.push(letter),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_have_the_letters_of_cldr() {
        let has = |language: &str, text: &str| {
            let letters = letters(language).unwrap();
            text.chars().all(|c| letters.contains(&c))
        };
        assert!(has("de", "azäöüßé") && !has("de", "ř"));
        assert!(has("en", "azé") && !has("en", "ß") && !has("en", "ж"));
        assert!(has("ru", "ажяё") && !has("ru", "a"));
        assert!(
            has("ja", "あアー日本") && has("ko", "가힣") && has("zh", "汉") && has("zh-Hant", "漢")
        );
        assert!(!has("sr", "č") && has("sr-Latn", "č") && has("sr-latn-RS", "č"));
        assert!(has(" pt-BR", "ção"));
        for unknown in ["", "#", "xx", "english", "en de", "-"] {
            assert!(letters(unknown).is_err(), "{unknown}");
        }
        for (code, _) in ALPHABETS.lines().skip(2).filter_map(|line| line.split_once(' ')) {
            let letters = letters(code).unwrap();
            assert!(letters.len() > 10 && letters.iter().all(|c| c.is_alphabetic()), "{code}");
        }
    }
}
