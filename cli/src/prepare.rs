//! `crossrank prepare` and `crossrank quantize`: a model folder as one file.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use clap::Args;
use crossrank::{Bits, Embedder, EmbedderOptions, LoadOptions, ModelFiles, Reranker, SAMPLE};
use serde::Deserialize;

use super::input::read_jsonl;
use super::replace::replace;
use super::{CliError, io, model};

#[derive(Args)]
pub struct PrepareArgs {
    /// Model folder in the Hugging Face layout, or name of a model that crossrank pull has downloaded
    #[arg(value_name = "DIR|NAME")]
    model: PathBuf,
    /// The file to write, such as model.crossrank
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

#[derive(Args)]
pub struct QuantizeArgs {
    #[command(flatten)]
    prepare: PrepareArgs,
    /// JSON lines with "query" and "document", to see the error on [default: built-in pairs]
    #[arg(long, value_name = "FILE")]
    sample: Option<PathBuf>,
    /// Bits of the layers' weights, 8 or 7: 7 are further from the floats, and faster on pages and where
    /// a processor has no VNNI
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u8).range(7..=8))]
    bits: u8,
}

#[derive(Deserialize)]
struct Pair {
    query: String,
    document: String,
}

pub fn prepare(PrepareArgs { model, output }: &PrepareArgs) -> Result<String, CliError> {
    let files = model::read(model)?;
    let (bytes, ()) = write(output, |file| files.prepare_to(file))?;
    Ok(format!("{}: {:.1} MB\n", output.display(), bytes as f64 / 1e6))
}

pub fn quantize(args: &QuantizeArgs) -> Result<String, CliError> {
    let PrepareArgs { model, output } = &args.prepare;
    let sample: Vec<(String, String)> = match &args.sample {
        Some(path) => {
            let lines = read_jsonl(path)?.into_iter();
            lines.map(|(_, Pair { query, document })| (query, document)).collect()
        }
        None => SAMPLE.iter().map(|&(q, d)| (q.to_owned(), d.to_owned())).collect(),
    };
    if sample.is_empty() {
        return Err(CliError::new("invalid-input", "the sample holds no pairs; give one or more"));
    }
    let files = model::read(model)?;
    let bits = if args.bits == 7 { Bits::Seven } else { Bits::Eight };
    let (bytes, quantized) = write(output, |file| files.quantize_to(bits, &sample, file))?;
    let what = match files.embedding.is_empty() {
        true => "|logit - logit of floats|",
        false => "1 - cosine with the vector of floats",
    };
    Ok(format!(
        "{}: {:.1} MB\n{what} of {} pairs: mean {:.4}, largest {:.4}\n",
        output.display(),
        bytes as f64 / 1e6,
        quantized.pairs,
        quantized.mean,
        quantized.largest
    ))
}

/// Writes a prepared model and tries it out. A file that is there is replaced whole, or stays.
fn write<T>(
    output: &Path,
    write: impl FnOnce(BufWriter<&File>) -> crossrank::Result<T>,
) -> Result<(u64, T), CliError> {
    replace(output, |unfinished, file| {
        let written = write(BufWriter::new(file))?;
        try_out(ModelFiles::read(unfinished)?)?;
        let size = file.metadata().map_err(io(format!("cannot write {}", output.display())))?;
        Ok((size.len(), written))
    })
}

/// Loads the model, which looks at its tokenizer too and scores a pair or embeds a text.
fn try_out(files: ModelFiles) -> Result<(), crossrank::Error> {
    let is_embedder = !files.embedding.is_empty();
    match Reranker::from_files(&files, LoadOptions::default()) {
        Err(_) if is_embedder => {
            Embedder::from_files(&files, EmbedderOptions::default()).map(|_| ())
        }
        loaded => loaded.map(|_| ()),
    }
}
