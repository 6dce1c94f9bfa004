//! `crossrank prepare` and `crossrank quantize`: turn a model folder into one file.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use clap::Args;
use crossrank::{
    Bits, Embedder, EmbedderOptions, LoadOptions, ModelFiles, QuantizeOptions, Reranker, SAMPLE,
};
use serde::Deserialize;

use crate::error::{CliError, io, not_written};
use crate::input::read_jsonl;
use crate::model;
use crate::output::line;
use crate::replace::replace;
use crate::units;

#[derive(Args)]
pub struct PrepareArgs {
    /// The model: a folder in the Hugging Face layout, a graph (.onnx) in such a folder, or the name of
    /// a model that crossrank pull has downloaded
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
    /// JSON Lines with "query" and "document". The error of quantization is measured on these pairs,
    /// and with fewer than 7 bits the weights are fitted to them [default: built-in pairs]
    #[arg(long, value_name = "FILE")]
    sample: Option<PathBuf>,
    /// Bits of the layers' weights, 4 to 8. 7 bits are less exact than 8, and faster in web pages and
    /// on processors without VNNI. Fewer bits make the file smaller, and the model is as fast as with 7
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u8).range(4..=8))]
    bits: u8,
    /// Bits of the token embeddings, 3 to 8 [default: 8, or 4 with --bits 4, 5 or 6]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(3..=8))]
    table_bits: Option<u8>,
}

#[derive(Deserialize)]
struct Pair {
    query: String,
    document: String,
}

pub fn prepare(PrepareArgs { model, output }: &PrepareArgs) -> Result<String, CliError> {
    let files = model::read(model)?;
    let (bytes, ()) = write(output, |file| files.prepare_to(file))?;
    Ok(written(output, bytes))
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
    let bits = |count: u8| Bits::from_count(count.into());
    let mut options = QuantizeOptions::default();
    options.bits = bits(args.bits).expect("clap has checked it");
    options.table_bits = args.table_bits.and_then(bits);
    let (bytes, quantized) = write(output, |file| files.quantize_to(options, &sample, file))?;
    let error = match quantized.of_logits {
        true => "|logit - logit of floats|",
        false => "1 - cosine with the vector of floats",
    };
    let file = written(output, bytes);
    Ok(format!(
        "{file}{error} of {} pairs: mean {:.4}, largest {:.4}\n",
        quantized.pairs, quantized.mean, quantized.largest
    ))
}

/// The line about a file that was written.
pub fn written(output: &Path, bytes: u64) -> String {
    line(&format!("{}: {}", output.display(), units::size(bytes)))
}

/// Writes a prepared model and checks that it loads. Returns its size in bytes. A file that exists
/// is replaced as a whole, or stays as it is.
pub fn write<T>(
    output: &Path,
    write: impl FnOnce(BufWriter<&File>) -> crossrank::Result<T>,
) -> Result<(u64, T), CliError> {
    replace(output, |unfinished, file| {
        let written = write(BufWriter::new(file)).map_err(not_written(output))?;
        check_loads(ModelFiles::read(unfinished)?)?;
        let metadata = file.metadata();
        let metadata = metadata.map_err(io(format!("cannot write {}", output.display())))?;
        Ok((metadata.len(), written))
    })
}

/// Loads a model, which also checks its tokenizer, and scores a pair or embeds a text.
fn check_loads(files: ModelFiles) -> Result<(), crossrank::Error> {
    let is_embedder = !files.embedding.is_empty();
    match Reranker::from_files(&files, LoadOptions::default()) {
        Err(_) if is_embedder => {
            Embedder::from_files(&files, EmbedderOptions::default()).map(|_| ())
        }
        loaded => loaded.map(|_| ()),
    }
}
