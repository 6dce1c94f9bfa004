//! `crossrank doctor`.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

const SECRETS: [&str; 5] =
    ["hf_secret", "pass-secret", "user-secret", "query-secret", "key-secret"];

/// Runs the command with these settings of the network and caches, and no others.
fn doctor(environment: &[(&str, &str)], arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crossrank"));
    command.arg("doctor").args(arguments);
    for name in [
        "HF_ENDPOINT",
        "HF_HUB_OFFLINE",
        "HF_TOKEN",
        "HF_TOKEN_PATH",
        "HF_HOME",
        "HF_HUB_CACHE",
        "XDG_CACHE_HOME",
        "ALL_PROXY",
        "all_proxy",
        "HTTPS_PROXY",
        "https_proxy",
        "HTTP_PROXY",
        "http_proxy",
        "NO_PROXY",
        "no_proxy",
        "CLICOLOR_FORCE",
    ] {
        command.env_remove(name);
    }
    let output = command.envs(environment.iter().copied()).output().unwrap();
    let printed = String::from_utf8([&output.stdout[..], &output.stderr].concat()).unwrap();
    for secret in SECRETS {
        assert!(!printed.contains(secret), "{printed}");
    }
    output
}

fn text(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn problems(output: &Output) -> Vec<(bool, String)> {
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let problem = |problem: &Value| {
        (problem["broken"].as_bool().unwrap(), problem["message"].as_str().unwrap().to_owned())
    };
    report["problems"].as_array().unwrap().iter().map(problem).collect()
}

/// A home folder with an empty cache.
struct Home(temp_dir::TempDir);

impl Home {
    fn new() -> Home {
        let home = Home(temp_dir::TempDir::new().unwrap());
        fs::create_dir_all(home.cache()).unwrap();
        home
    }

    fn cache(&self) -> std::path::PathBuf {
        self.0.path().join("hub")
    }

    fn run(&self, environment: &[(&str, &str)], arguments: &[&str]) -> Output {
        let (cache, root) = (self.cache(), self.0.path());
        let own = [("HOME", root.to_str().unwrap()), ("HF_HUB_CACHE", cache.to_str().unwrap())];
        doctor(&[&own, environment].concat(), arguments)
    }
}

#[test]
fn a_sound_machine_is_described() {
    let home = Home::new();
    let report = text(home.run(&[], &[]));
    let row = |name: &str| {
        let found = report.lines().find_map(|line| line.strip_prefix(&format!("{name:<12}")));
        found.unwrap_or_else(|| panic!("{name}: {report}"))
    };
    assert!(row("crossrank").starts_with(concat!(env!("CARGO_PKG_VERSION"), " with ")), "{report}");
    let system = format!("{} {}", std::env::consts::OS, std::env::consts::ARCH);
    assert!(row("system").starts_with(&system), "{report}");
    let kernels: Vec<&str> = row("kernels").split(", ").collect();
    assert_eq!(kernels, crossrank::kernel_names());
    let kernel = crate::common::reranker().kernel().unwrap();
    assert!(row("self-test").contains(&format!("the expected score, by {kernel} in ")), "{report}");
    assert!(report.contains("bundled     minilm-l6-en, revision 3\n"), "{report}");
    let cache =
        if cfg!(windows) { "model cache " } else { "model cache ~/hub: 0 B, can be written" };
    assert!(report.contains(cache), "{report}");
    assert_eq!(row("problem"), "none");
    assert_eq!(fs::read_dir(home.cache()).unwrap().count(), 0, "what it wrote to try is removed");

    let json = text(home.run(&[], &["--json"]));
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(json["machine"]["kernels"], serde_json::to_value(&kernels).unwrap());
    assert_eq!(json["selfTest"]["logit"], json["selfTest"]["expectedLogit"]);
    assert_eq!(json["modelCache"]["writable"], true);
    assert_eq!(json["problems"], serde_json::json!([]));
}

/// The expected logit is that of the pair, by all kernels and in one run of the library.
#[test]
fn the_self_test_expects_what_the_library_gives() {
    let json = text(Home::new().run(&[], &["--json"]));
    let json: Value = serde_json::from_str(&json).unwrap();
    let pair = [("what keeps bread fresh", "Bread stays soft for a day in a tin.")];
    let logit = crate::common::reranker().score(&pair).unwrap()[0].logit;
    assert_eq!(json["selfTest"]["expectedLogit"].as_f64().unwrap() as f32, logit);
}

#[test]
fn settings_are_shown_without_secrets() {
    let home = Home::new();
    let settings = [
        ("HF_TOKEN", "hf_secret"),
        ("HF_ENDPOINT", "https://user-secret:pass-secret@hub.example/a?token=query-secret"),
        ("HTTPS_PROXY", "http://user-secret:pass@pass-secret@proxy.example:3128"),
        ("no_proxy", "localhost,.example"),
        ("HF_HUB_OFFLINE", "1"),
        ("COHERE_API_KEY", "key-secret"),
    ];
    let report = text(home.run(&settings, &[]));
    for said in [
        "setting     HF_TOKEN=set\n",
        "setting     HF_ENDPOINT=https://***@hub.example/a\n",
        "setting     HTTPS_PROXY=http://***@proxy.example:3128\n",
        "setting     no_proxy=localhost,.example\n",
        "setting     HF_HUB_OFFLINE=1\n",
        "problem     none\n",
    ] {
        assert!(report.contains(said), "{said}: {report}");
    }
    let json = text(home.run(&settings, &["--json"]));
    assert!(json.contains("https://***@hub.example/a"), "{json}");
    // A file with a token is read, and not shown.
    let token = home.0.path().join("token");
    fs::write(&token, "hf_secret\n").unwrap();
    let report = text(home.run(&[("HF_TOKEN_PATH", token.to_str().unwrap())], &[]));
    assert!(report.contains("problem     none\n"), "{report}");
}

#[test]
fn wrong_settings_are_named() {
    let home = Home::new();
    let file = home.0.path().join("file");
    fs::write(&file, "").unwrap();
    let file = file.to_str().unwrap();
    for (name, value, is_broken, said) in [
        (
            "HF_ENDPOINT",
            "user-secret@hub.example",
            true,
            "HF_ENDPOINT does not begin with https://",
        ),
        ("HF_TOKEN", "hf_secret and more", true, "the access token holds white space"),
        ("HF_HUB_CACHE", file, true, "file is not a folder; set HF_HUB_CACHE to a folder"),
        ("HF_HUB_OFFLINE", "yess", false, "HF_HUB_OFFLINE is yess, which counts as 0"),
        ("HF_TOKEN_PATH", "/no/such/file", false, "HF_TOKEN_PATH names no file"),
        ("HF_HOME", "relative", false, "HF_HOME is not an absolute path"),
        (
            "HTTPS_PROXY",
            "socks5://user-secret:pass-secret@h",
            false,
            "HTTPS_PROXY names a proxy of a kind",
        ),
    ] {
        let output = home.run(&[(name, value)], &["--json"]);
        let found = problems(&output);
        let [(broken, message)] = &found[..] else { panic!("{name}: {found:?}") };
        assert!(*broken == is_broken && message.contains(said), "{name}: {found:?}");
        assert_eq!(output.status.code(), Some(if is_broken { 2 } else { 0 }), "{name}");
        let output = home.run(&[(name, value)], &[]);
        let report = String::from_utf8(output.stdout).unwrap();
        assert!(report.contains(said), "{report}");
        // Drivers of GPUs may say something too.
        let stderr = String::from_utf8(output.stderr).unwrap();
        let said: Vec<&str> = stderr.lines().filter(|line| line.starts_with("crossrank")).collect();
        let expected = ["crossrank: broken: 1 of the problems above must be solved"];
        assert_eq!(said, if is_broken { &expected[..] } else { &[] });
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_cache_that_cannot_be_written_is_a_warning() {
    let output = Home::new().run(&[("HF_HUB_CACHE", "/proc/no-such-folder")], &["--json"]);
    assert!(output.status.success());
    let [(false, message)] = &problems(&output)[..] else { panic!("one warning is expected") };
    assert!(message.contains("/proc/no-such-folder cannot be written"), "{message}");
}

#[test]
fn models_of_the_cache_are_listed() {
    let home = Home::new();
    let commit = "0123456789abcdef0123456789abcdef01234567";
    let model = home.cache().join("models--owner--tiny-reranker");
    let snapshot = model.join("snapshots").join(commit);
    fs::create_dir_all(snapshot.join("onnx")).unwrap();
    fs::create_dir_all(model.join("refs")).unwrap();
    fs::create_dir_all(home.cache().join("models--owner--other/snapshots")).unwrap();
    fs::create_dir_all(home.cache().join("datasets--a--b")).unwrap();
    fs::write(model.join("refs/main"), commit).unwrap();
    let tiny = crate::common::root().join("tests/data/graphs/int8-tensor");
    let copy = |name: &str| fs::copy(tiny.join(name), snapshot.join(name)).unwrap();
    let bytes: u64 =
        ["onnx/model_quantized.onnx", "tokenizer.json", "config.json"].map(copy).iter().sum();
    let report = text(home.run(&[], &[]));
    let models: Vec<&str> = report.lines().filter(|line| line.starts_with("model  ")).collect();
    assert_eq!(models, ["model       owner/tiny-reranker: onnx/model_quantized.onnx"]);
    let json: Value = serde_json::from_str(&text(home.run(&[], &["--json"]))).unwrap();
    assert_eq!(json["modelCache"]["bytes"], bytes + commit.len() as u64);
    assert_eq!(json["cachedModels"][0]["name"], "owner/tiny-reranker");
    assert!(Path::new(&home.cache()).is_dir());
}
