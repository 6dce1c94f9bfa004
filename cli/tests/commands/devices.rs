//! `--device` and `crossrank devices`, without a GPU and with one. `tests/gpu.sh` runs the tests with
//! one.

use crate::command::{crossrank, crossrank_in, fails, stdout};
use serde_json::Value;

const PASSAGES: &[u8] = b"Bread stays soft in a tin.\nTrains leave every hour.\n";

fn rerank<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["rerank", "--json", "--query", "what keeps bread fresh"], more].concat()
}

/// Runs the command. Returns its output, and the lines on standard error.
fn run(environment: &[(&str, &str)], arguments: &[&str]) -> (String, Vec<String>) {
    let memory = temp_dir::TempDir::new().unwrap();
    let memory = ("XDG_CACHE_HOME", memory.path().to_str().unwrap());
    let output = crossrank_in(&[environment, &[memory]].concat(), arguments, PASSAGES);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{stderr}");
    (String::from_utf8(output.stdout).unwrap(), stderr.lines().map(str::to_owned).collect())
}

fn logits(json: &str) -> Vec<f64> {
    let results: Value = serde_json::from_str(json).unwrap();
    results.as_array().unwrap().iter().map(|result| result["logit"].as_f64().unwrap()).collect()
}

/// Only on Linux can a test hide the GPU: there a file names its driver.
#[cfg(target_os = "linux")]
#[test]
fn without_a_gpu_the_cpu_computes() {
    let nothing = [("VK_DRIVER_FILES", "/nonexistent"), ("VK_ICD_FILENAMES", "/nonexistent")];
    let (expected, silence) = run(&nothing, &rerank(&["--device", "cpu"]));
    assert_eq!(silence.len(), 0, "{silence:?}");
    let (output, said) = run(&nothing, &rerank(&["--device", "gpu"]));
    assert_eq!(output, expected);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with("crossrank: warning: ") && said[0].contains("use the CPU"));
    let (output, said) = run(&nothing, &rerank(&["--device", "auto"]));
    assert_eq!(output, expected);
    assert_eq!(said, ["crossrank: the CPU computes: there is no GPU, or none with a driver"]);
    let (listed, _) = run(&nothing, &["devices"]);
    assert!(listed.starts_with("cpu  ") && listed.contains("\ngpu  none"), "{listed}");
}

#[test]
fn an_unknown_device_is_refused() {
    let message = fails(&rerank(&["--device", "cuda"]), PASSAGES, "invalid-argument");
    assert!(message.contains("cuda"), "{message}");
}

#[test]
#[ignore = "needs a GPU or a driver in software: tests/gpu.sh"]
fn gpu_is_named_and_computes() {
    let listed: Value = serde_json::from_str(&stdout(&["devices", "--json"], b"")).unwrap();
    let gpu = &listed["gpus"][0];
    let name = gpu["name"].as_str().unwrap();
    assert!(stdout(&["devices"], b"").contains(name));

    let (expected, _) = run(&[], &rerank(&[]));
    let (output, said) = run(&[], &rerank(&["--device", "gpu"]));
    assert_eq!(said, [format!("crossrank: the GPU computes: {name}")]);
    for (a, b) in logits(&expected).iter().zip(logits(&output)) {
        assert!((a - b).abs() < 0.3, "{a} and {b}");
    }
    assert_ne!(output, expected, "the CPU rounds activations");

    let lines = crossrank(&["rerank", "--jsonl", "--device", "gpu"], JSON_LINES);
    assert!(lines.status.success(), "{}", String::from_utf8_lossy(&lines.stderr));
}

const JSON_LINES: &[u8] =
    br#"{"id": 1, "query": "what keeps bread fresh", "documents": ["A tin.", "Trains."]}
"#;

#[test]
#[ignore = "needs a GPU or a driver in software: tests/gpu.sh"]
fn gpu_in_software_is_not_chosen() {
    let (listed, _) = run(&[], &["devices"]);
    let (_, said) = run(&[], &rerank(&["--device", "auto"]));
    assert_eq!(said.len(), 1);
    if listed.lines().nth(1).unwrap().contains("software") {
        assert!(said[0].contains("the CPU computes: "), "{said:?}");
    }
}

#[test]
#[ignore = "needs a GPU or a driver in software: tests/gpu.sh"]
fn gpu_that_cannot_run_a_model_leaves_it_to_the_cpu() {
    let on_cpu = rerank(&["--model", "tests/data/graphs/general-deberta"]);
    let (expected, warnings) = run(&[], &on_cpu);
    let (output, said) = run(&[], &[&on_cpu[..], &["--device", "gpu"]].concat());
    assert_eq!(output, expected);
    assert_eq!(said.len(), warnings.len() + 1, "{said:?}");
    assert!(said.last().unwrap().starts_with("crossrank: warning: "), "{said:?}");
}
