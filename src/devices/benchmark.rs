//! Measures whether a model is faster on a GPU.

use std::fmt::{self, Display, Formatter};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::reranker::{RerankOptions, Reranker};

/// The times that a model took for one list on both devices.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DeviceBenchmark {
    /// The number of documents in the list, of about 150 tokens each.
    pub documents: usize,
    /// The median time on the CPU.
    pub cpu: Duration,
    /// The median time on the GPU.
    pub gpu: Duration,
    /// The largest difference between two logits of a document.
    pub difference: f32,
}

/// The CPU's time divided by the GPU's. A GPU that gains less is not worth different scores.
const MIN_SPEEDUP: f64 = 1.25;
/// Quantized activations change logits of the bundled model by up to 0.27 on the CPU. A larger
/// difference is an error of the driver.
const MAX_LOGIT_DIFFERENCE: f32 = 0.35;
/// The timed runs of each device. One run before them warms it up.
const TIMED_RUNS: usize = 3;
/// A GPU is given up if its first run takes longer than this and [`MAX_GPU_TIME_FACTOR`] times as long as
/// the CPU's.
const GPU_START: Duration = Duration::from_secs(5);
const MAX_GPU_TIME_FACTOR: u32 = 10;

const QUERY: &str = "how do tides form in a narrow bay";

/// The sentences of the documents. Each document has all of them, in an order of its own. The
/// benchmark in JavaScript has the same.
const SENTENCES: [&str; 8] = [
    "The moon pulls the water of the oceans, and the coast meets the bulge twice a day.",
    "A bay that narrows towards its end squeezes the incoming wave into less and less room.",
    "Bakers let the dough rest overnight, so that the loaf keeps its shape in the oven.",
    "Where the bay's own period is close to half a day, each tide pushes the next one higher.",
    "The ferry leaves at seven, and again at noon when the water over the bar is deep enough.",
    "Winter storms raise the level further and carry sand from the beach into the channel.",
    "A library of 40,000 volumes burned down with the town hall and was never rebuilt.",
    "Fishermen still read the height of the water from marks that their grandparents cut.",
];

impl DeviceBenchmark {
    /// Scores a fixed list of 32 documents on both devices, four times each.
    ///
    /// # Errors
    /// [`crate::ErrorKind::GpuFailed`].
    pub fn run(cpu: &Reranker, gpu: &Reranker) -> Result<DeviceBenchmark> {
        DeviceBenchmark::of(32, cpu, gpu)
    }

    /// [`DeviceBenchmark::run`] with another number of documents.
    pub(crate) fn of(documents: usize, cpu: &Reranker, gpu: &Reranker) -> Result<DeviceBenchmark> {
        let document = |i: usize| {
            let sentences = (0..SENTENCES.len()).map(|j| SENTENCES[(i + j * (1 + i % 4 * 2)) % 8]);
            sentences.collect::<Vec<_>>().join(" ")
        };
        let list: Vec<String> = (0..documents).map(document).collect();
        let options = RerankOptions { skip_cache: true, ..RerankOptions::default() };
        let score = |reranker: &Reranker| -> Result<(Duration, Vec<f32>)> {
            let begun = Instant::now();
            let mut results = reranker.rerank_with(QUERY, &list, &options)?.results;
            let time = begun.elapsed();
            results.sort_by_key(|result| result.index);
            Ok((time, results.iter().map(|result| result.logit).collect()))
        };
        let (on_cpu, expected) = score(cpu)?;
        let (on_gpu, logits) = score(gpu)?;
        let apart = expected.iter().zip(&logits).map(|(a, b)| (a - b).abs());
        let difference = apart.fold(0.0, f32::max);
        if on_gpu > GPU_START + MAX_GPU_TIME_FACTOR * on_cpu {
            return Ok(DeviceBenchmark { documents, cpu: on_cpu, gpu: on_gpu, difference });
        }
        let mut times = [Vec::new(), Vec::new()];
        for _ in 0..TIMED_RUNS {
            for (times, reranker) in times.iter_mut().zip([cpu, gpu]) {
                times.push(score(reranker)?.0);
            }
        }
        let [cpu, gpu] = times.map(|mut times| {
            times.sort();
            times[TIMED_RUNS / 2]
        });
        Ok(DeviceBenchmark { documents, cpu, gpu, difference })
    }

    /// Whether the GPU is clearly faster, and its logits are right.
    pub fn is_for_gpu(&self) -> bool {
        let gain = self.cpu.as_secs_f64() / self.gpu.as_secs_f64().max(1e-9);
        self.difference <= MAX_LOGIT_DIFFERENCE && gain >= MIN_SPEEDUP
    }
}

impl Display for DeviceBenchmark {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let DeviceBenchmark { documents, cpu, gpu, difference } = self;
        let [cpu, gpu] = [cpu, gpu].map(|time| 1e3 * time.as_secs_f64());
        write!(
            f,
            "{documents} passages take the CPU {cpu:.0} ms and the GPU {gpu:.0} ms, and logits \
             differ by at most {difference:.2}"
        )?;
        match *difference <= MAX_LOGIT_DIFFERENCE {
            true => Ok(()),
            false => write!(f, " of {MAX_LOGIT_DIFFERENCE} allowed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn javascript_has_the_same_job_and_limits() {
        let script = include_str!("../../pkg/src/load/device-benchmark.ts");
        assert!(SENTENCES.iter().chain([&QUERY]).all(|text| script.contains(text)));
        for (name, value) in [("MIN_SPEEDUP", MIN_SPEEDUP), ("TIMED_RUNS", TIMED_RUNS as f64)] {
            assert!(script.contains(&format!("const {name} = {value};")), "{name}");
        }
        assert!(script.contains(&format!("const MAX_LOGIT_DIFFERENCE = {MAX_LOGIT_DIFFERENCE};")));
    }

    #[test]
    fn a_gpu_is_chosen_where_it_is_faster_and_right() {
        let benchmark = |cpu, gpu, difference| DeviceBenchmark {
            documents: 32,
            cpu: Duration::from_millis(cpu),
            gpu: Duration::from_millis(gpu),
            difference,
        };
        assert!(benchmark(100, 50, 0.25).is_for_gpu());
        assert!(!benchmark(100, 95, 0.25).is_for_gpu());
        assert!(!benchmark(100, 50, 0.5).is_for_gpu());
        assert!(!benchmark(100, 50, f32::NAN).is_for_gpu());
        let said = benchmark(100, 50, 0.5).to_string();
        assert!(said.contains("100 ms") && said.contains("0.50 of 0.35 allowed"), "{said}");
    }
}
