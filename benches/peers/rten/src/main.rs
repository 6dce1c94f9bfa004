//! Times rten for `make bench-peers`. It reads a JSON request from each line of standard input, and
//! answers each with a line, as the example `bench_worker` does.
//!
//! - `{"op": "load", "model": DIR, "graph": FILE, "threads": N, "batching": "plain" | "sorted"}` loads
//!   a tokenizer and an ONNX graph.
//! - `{"op": "tune", "pairs": [[query, document], ...], "sizes": [N, ...]}` chooses the batch size that
//!   is fastest on these pairs, and answers `{"batch"}`.
//! - `{"op": "prepare", "pairs": [[query, document], ...]}` stores pairs.
//! - `{"op": "run"}` scores them, and answers `{"ms_total", "ms_tokenize", "ms_score", "logits"}`.
//!
//! What fails is answered with `{"error"}`.

use std::io::{BufRead, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use rten::{Model, ModelOptions, NodeId, RunOptions, ThreadPool};
use rten_tensor::{AsView, NdTensor};
use serde::Deserialize;
use serde_json::{Value, json};
use tokenizers::{Encoding, Tokenizer, TruncationParams};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;
type Pair = (String, String);

#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
enum Request {
    Load { model: String, graph: String, threads: usize, batching: Batching },
    Tune { pairs: Vec<Pair>, sizes: Vec<usize> },
    Prepare { pairs: Vec<Pair> },
    Run,
}

#[derive(Clone, Copy, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Batching {
    /// Batches of 32 in the order given.
    Plain,
    /// The shortest pairs first, in batches of the size that is fastest.
    Sorted,
}

fn main() -> Result<()> {
    let mut peer = None;
    for line in std::io::stdin().lock().lines() {
        let answer =
            answer(&mut peer, &line?).unwrap_or_else(|error| json!({"error": error.to_string()}));
        let mut out = std::io::stdout().lock();
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}

fn answer(peer: &mut Option<Peer>, line: &str) -> Result<Value> {
    match serde_json::from_str(line)? {
        Request::Load { model, graph, threads, batching } => {
            *peer = Some(Peer::load(model.as_ref(), &graph, threads, batching)?);
            Ok(json!({}))
        }
        Request::Tune { pairs, sizes } => loaded(peer)?.tune(&pairs, &sizes),
        Request::Prepare { pairs } => {
            loaded(peer)?.pairs = pairs;
            Ok(json!({}))
        }
        Request::Run => loaded(peer)?.run(),
    }
}

fn loaded(peer: &mut Option<Peer>) -> Result<&mut Peer> {
    peer.as_mut().ok_or_else(|| "load a model first".into())
}

struct Peer {
    tokenizer: Tokenizer,
    model: Model,
    pool: Arc<ThreadPool>,
    batching: Batching,
    batch: usize,
    pairs: Vec<Pair>,
}

impl Peer {
    fn load(folder: &Path, graph: &str, threads: usize, batching: Batching) -> Result<Self> {
        let config: Value =
            serde_json::from_slice(&std::fs::read(folder.join("tokenizer_config.json"))?)?;
        let max_length = config["model_max_length"]
            .as_u64()
            .ok_or("tokenizer_config.json has no model_max_length")?;
        let mut tokenizer = Tokenizer::from_file(folder.join("tokenizer.json"))?;
        tokenizer.with_padding(None);
        tokenizer.with_truncation(Some(TruncationParams {
            max_length: max_length.try_into()?,
            ..Default::default()
        }))?;
        Ok(Self {
            tokenizer,
            model: ModelOptions::with_all_ops().prepack_weights(true).load_file(graph)?,
            pool: Arc::new(ThreadPool::with_num_threads(threads)),
            batching,
            batch: 32,
            pairs: Vec::new(),
        })
    }

    fn tune(&mut self, pairs: &[Pair], sizes: &[usize]) -> Result<Value> {
        if self.batching == Batching::Sorted {
            let encodings = self.encode(pairs)?;
            let mut fastest = f64::INFINITY;
            // Two passes, so that a disturbed turn decides nothing.
            for &size in sizes.iter().chain(sizes) {
                let start = Instant::now();
                self.score(&encodings, size)?;
                let took = milliseconds(start);
                if took < fastest {
                    (fastest, self.batch) = (took, size);
                }
            }
        }
        Ok(json!({"batch": self.batch}))
    }

    fn run(&self) -> Result<Value> {
        let start = Instant::now();
        let encodings = self.encode(&self.pairs)?;
        let tokenize = milliseconds(start);
        let logits = self.score(&encodings, self.batch)?;
        let total = milliseconds(start);
        Ok(json!({
            "ms_total": total,
            "ms_tokenize": tokenize,
            "ms_score": total - tokenize,
            "logits": logits,
        }))
    }

    fn encode(&self, pairs: &[Pair]) -> Result<Vec<Encoding>> {
        pairs
            .iter()
            .map(|(query, document)| {
                self.tokenizer.encode_fast((query.as_str(), document.as_str()), true)
            })
            .collect()
    }

    fn score(&self, encodings: &[Encoding], size: usize) -> Result<Vec<f32>> {
        let mut order: Vec<usize> = (0..encodings.len()).collect();
        if self.batching == Batching::Sorted {
            order.sort_by_key(|&index| encodings[index].len());
        }
        let mut logits = vec![0.0; encodings.len()];
        for batch in order.chunks(size) {
            let rows: Vec<&Encoding> = batch.iter().map(|&index| &encodings[index]).collect();
            for (&index, logit) in batch.iter().zip(self.logits(&rows)?) {
                logits[index] = logit;
            }
        }
        Ok(logits)
    }

    /// The logits of one batch, padded to its longest sequence.
    fn logits(&self, batch: &[&Encoding]) -> Result<Vec<f32>> {
        let width = batch.iter().map(|row| row.len()).max().unwrap_or(0);
        let input = |name, ids: fn(&Encoding) -> &[u32]| -> Result<(NodeId, _)> {
            let mut tensor = NdTensor::<i32, 2>::zeros([batch.len(), width]);
            for (row, encoding) in batch.iter().enumerate() {
                for (column, &id) in ids(encoding).iter().enumerate() {
                    tensor[[row, column]] = id.try_into()?;
                }
            }
            Ok((self.model.node_id(name)?, tensor.into()))
        };
        let inputs = vec![
            input("input_ids", Encoding::get_ids)?,
            input("attention_mask", Encoding::get_attention_mask)?,
            input("token_type_ids", Encoding::get_type_ids)?,
        ];
        let mut options = RunOptions::default();
        options.thread_pool = Some(self.pool.clone());
        let [output] = self.model.run_n(inputs, [self.model.node_id("logits")?], Some(options))?;
        let logits: NdTensor<f32, 2> = output.try_into()?;
        Ok(logits.to_vec())
    }
}

fn milliseconds(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}
