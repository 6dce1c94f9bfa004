//! Scores a pair with the bundled model, and compares the result with the known one.

use std::time::{Duration, Instant};

use crossrank::{ErrorKind, ModelFiles, Reranker};
use serde::Serialize;

use super::problem::Problem;

const QUERY: &str = "what keeps bread fresh";
const DOCUMENT: &str = "Bread stays soft for a day in a tin.";

/// The logit of the bundled model's revision 3, which has the same bits on every processor.
const EXPECTED: f32 = -0.624_423_27;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SelfTest {
    pub expected_logit: f32,
    pub logit: f32,
    /// The kernel that computed.
    pub kernel: Option<&'static str>,
    /// The time to load the model and to score the pair.
    #[serde(skip)]
    pub time: Duration,
}

impl SelfTest {
    /// `None` if this build holds no model, or if it cannot score, which is a problem.
    pub fn run(problems: &mut Vec<Problem>) -> Option<SelfTest> {
        let start = Instant::now();
        let outcome = score();
        let time = start.elapsed();
        let (kernel, logit) = match outcome {
            Ok(outcome) => outcome,
            Err(error) if error.kind() == ErrorKind::ModelNotInstalled => return None,
            Err(error) => {
                let message = format!("the bundled model does not work: {error}");
                problems.push(Problem::broken(message));
                return None;
            }
        };
        if logit.to_bits() != EXPECTED.to_bits() {
            let message = format!(
                "the bundled model gives the logit {logit} where {EXPECTED} is right; please report \
                 this with the whole output"
            );
            problems.push(Problem::broken(message));
        }
        Some(SelfTest { expected_logit: EXPECTED, logit, kernel, time })
    }

    pub fn is_passed(&self) -> bool {
        self.logit.to_bits() == self.expected_logit.to_bits()
    }
}

fn score() -> crossrank::Result<(Option<&'static str>, f32)> {
    let reranker = Reranker::from_files(&ModelFiles::bundled_reranker()?, Default::default())?;
    let scores = reranker.score(&[(QUERY, DOCUMENT)])?;
    Ok((reranker.kernel(), scores[0].logit))
}
