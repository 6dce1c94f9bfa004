//! Models by their names, from a loopback hub and its store.

#![cfg(feature = "cli")]

mod common;
#[path = "common/hub.rs"]
mod loopback;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crossrank::hub::{self, HubOptions};
use crossrank::{ErrorKind, LoadOptions, ModelFiles, Reranker};
use loopback::{COMMIT, Fault, Hub};

const NAME: &str = "owner/tiny-reranker";
const GRAPH: &str = "onnx/model_quantized.onnx";
const PROGRAM: &str = env!("CARGO_BIN_EXE_crossrank");

fn model() -> PathBuf {
    common::root().join("tests/data/graphs/int8-tensor")
}

/// A hub with a small model, and an empty cache.
struct Case {
    hub: Hub,
    cache: tempfile::TempDir,
}

impl Case {
    fn new() -> Case {
        Case { hub: Hub::start(NAME, &model()), cache: tempfile::tempdir().unwrap() }
    }

    fn options(&self) -> HubOptions<'static> {
        let mut options = HubOptions::from_env();
        options.endpoint = self.hub.url.clone();
        options.cache = self.cache.path().to_owned();
        options.token = None;
        options.offline = false;
        options.retry_delay = Duration::from_millis(1);
        options
    }

    fn folder(&self) -> PathBuf {
        self.cache.path().join("models--owner--tiny-reranker")
    }

    fn blob(&self, path: &str) -> PathBuf {
        self.folder().join("blobs").join(self.hub.hash(path))
    }

    fn partial(&self, path: &str) -> PathBuf {
        self.blob(path).with_extension("incomplete")
    }

    fn is_complete(&self) -> bool {
        let folder = self.folder().join("snapshots").join(COMMIT);
        [GRAPH, "tokenizer.json", "config.json"]
            .iter()
            .all(|name| fs::read(folder.join(name)).is_ok_and(|file| file == self.hub.file(name)))
    }

    /// The command with this hub and cache, and nothing else of the hub's settings.
    fn command(&self, arguments: &[&str]) -> Command {
        self.program(PROGRAM, arguments)
    }

    fn program(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(common::root());
        for name in ["HF_HOME", "HF_TOKEN", "HF_TOKEN_PATH", "HF_HUB_OFFLINE", "XDG_CACHE_HOME"] {
            command.env_remove(name);
        }
        command.env("HF_ENDPOINT", &self.hub.url).env("HF_HUB_CACHE", self.cache.path());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn stdout(&self, arguments: &[&str]) -> String {
        text_of(self.run(arguments))
    }
}

fn text_of(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn complaint(output: Output, code: &str) -> String {
    let line = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{line}");
    assert!(line.starts_with(&format!("crossrank: {code}: ")), "{line}");
    assert_eq!(line.lines().count(), 1, "{line}");
    line
}

fn score(files: &ModelFiles) -> f32 {
    let reranker = Reranker::from_files(files, LoadOptions::default()).unwrap();
    reranker.score(&[("search query", "the rank of a passage")]).unwrap()[0].logit
}

#[test]
fn pulls_into_the_layout_of_the_hubs_cache() {
    let case = Case::new();
    let mut options = case.options();
    options.token = Some("hf_secret".into());
    let seen = std::cell::RefCell::new(Vec::new());
    let progress = |p: hub::Progress| seen.borrow_mut().push((p.loaded, p.total));
    options.progress = Some(&progress);
    let snapshot = hub::pull(NAME, &options).unwrap();

    assert_eq!((&*snapshot.commit, &*snapshot.graph), (COMMIT, GRAPH));
    assert!(case.is_complete());
    assert_eq!(fs::read_to_string(case.folder().join("refs/main")).unwrap(), COMMIT);
    if cfg!(unix) {
        let link = fs::read_link(snapshot.folder.join(GRAPH)).unwrap();
        let wanted = Path::new("../../../blobs").join(case.hub.hash(GRAPH));
        assert_eq!(link, wanted, "a link that can be moved with its cache");
    }
    let blobs = fs::read_dir(case.folder().join("blobs")).unwrap();
    assert_eq!(blobs.count(), 4, "graph, tokenizer and two configurations, and nothing unfinished");
    let seen = seen.into_inner();
    assert!(seen.is_sorted() && seen.last().is_some_and(|(loaded, total)| loaded == total));

    let asked = case.hub.asked("");
    assert!(asked.iter().any(|asked| asked.store) && asked.iter().any(|asked| !asked.store));
    for asked in asked {
        let token = (!asked.store).then_some("Bearer hf_secret");
        assert_eq!(asked.token.as_deref(), token, "{}", asked.path);
    }

    let expected = score(&ModelFiles::read(model()).unwrap());
    assert_eq!(score(&snapshot.read().unwrap()), expected);
    assert_eq!(score(&hub::read(NAME, &case.options()).unwrap()), expected);
    assert_eq!(case.hub.asked("").len(), 0, "reading asks nobody");
    hub::pull(NAME, &case.options()).unwrap();
    assert_eq!(case.hub.asked("").len(), 1, "what is there is not downloaded again");
}

#[test]
fn goes_on_where_a_connection_broke() {
    let case = Case::new();
    case.hub.fault("/store/", Fault::Cut(10_000));
    case.hub.fault("/store/", Fault::Cut(5_000));
    hub::pull(NAME, &case.options()).unwrap();
    assert!(case.is_complete());
    let ranges: Vec<_> = case.hub.asked("/store/").into_iter().map(|asked| asked.range).collect();
    assert_eq!(ranges, [None, Some("bytes=10000-".into()), Some("bytes=15000-".into())]);

    // A store that knows no ranges begins anew.
    let case = Case::new();
    case.hub.fault("/store/", Fault::Cut(10_000));
    case.hub.fault("/store/", Fault::NoRanges);
    hub::pull(NAME, &case.options()).unwrap();
    assert!(case.is_complete());

    // One that ever hangs up fails at last, and what came is kept.
    let case = Case::new();
    case.hub.fault("/store/", Fault::Cut(10_000));
    for _ in 0..3 {
        case.hub.fault("/store/", Fault::Cut(0));
    }
    let mut options = case.options();
    options.retries = 2;
    let error = hub::pull(NAME, &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RemoteUnavailable);
    assert!(error.to_string().contains("are kept"), "{error}");
    assert_eq!(fs::metadata(case.partial(GRAPH)).unwrap().len(), 10_000);
    assert!(!case.blob(GRAPH).exists());
    hub::pull(NAME, &options).unwrap();
    assert!(case.is_complete());
    assert!(case.hub.asked("/store/").last().unwrap().range.is_some());
}

#[test]
fn a_file_is_the_one_that_the_hub_lists() {
    let case = Case::new();
    case.hub.fault("/store/", Fault::Wrong);
    let error = hub::pull(NAME, &case.options()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RemoteInvalidAnswer);
    assert!(error.to_string().contains(&case.hub.hash(GRAPH)), "{error}");
    assert!(!case.blob(GRAPH).exists() && !case.partial(GRAPH).exists());
    assert!(!case.folder().join("snapshots").exists());

    // So is a small one, which git names.
    case.hub.fault("/resolve/0123456789abcdef0123456789abcdef01234567/config.json", Fault::Wrong);
    let error = hub::pull(NAME, &case.options()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RemoteInvalidAnswer);
    assert!(hub::cached(NAME, &case.options()).unwrap().is_none());

    // What an earlier download has left may be damaged, or too long.
    for left in [&b"damage"[..], &vec![7; 1 << 20]] {
        fs::write(case.partial("config.json"), left).unwrap();
        hub::pull(NAME, &case.options()).unwrap();
        assert!(case.is_complete());
        fs::remove_dir_all(case.folder().join("snapshots")).unwrap();
        fs::remove_file(case.blob("config.json")).unwrap();
    }
    // So may a blob: one that is cut short is downloaded again.
    fs::write(case.blob(GRAPH), b"short").unwrap();
    hub::pull(NAME, &case.options()).unwrap();
    assert!(case.is_complete());
}

#[test]
fn refusals_say_what_to_do() {
    let case = Case::new();
    let refused = |fault: Option<Fault>, token: Option<&str>, name: &str| {
        if let Some(fault) = fault {
            case.hub.fault("/api/", fault);
        }
        let mut options = case.options();
        options.token = token.map(str::to_owned);
        let error = hub::pull(name, &options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::RemoteRefused);
        assert!(!error.to_string().contains("hf_secret"));
        error.to_string()
    };
    let unknown = refused(None, None, "owner/missing");
    assert!(unknown.contains("404") && unknown.contains("check the name, or set HF_TOKEN"));
    let unknown = refused(None, Some("hf_secret"), "owner/missing");
    assert!(unknown.contains("the token does not open it"), "{unknown}");
    let private = Fault::Status(401, "x-error-code", "RepoNotFound");
    assert!(refused(Some(private), None, NAME).contains("or set HF_TOKEN"));
    let token = Fault::Status(401, "x-error-message", "Invalid");
    assert!(refused(Some(token), Some("hf_secret"), NAME).contains("the token is not valid"));
    let gated = Fault::Status(403, "x-error-code", "GatedRepo");
    assert!(refused(Some(gated), Some("hf_secret"), NAME).contains("consent"));
    let revision = Fault::Status(404, "x-error-code", "RevisionNotFound");
    assert!(refused(Some(revision), None, NAME).contains("no such revision"));
    assert!(!case.folder().exists());

    let invalid = |change: fn(&mut HubOptions), name: &str| {
        let mut options = case.options();
        change(&mut options);
        assert_eq!(hub::pull(name, &options).unwrap_err().kind(), ErrorKind::InvalidArgument);
    };
    invalid(|_| (), "../escape");
    invalid(|_| (), "minilm-l6-en");
    invalid(|options| options.revision = "../../x".into(), NAME);
    invalid(|options| options.file = Some("../x.onnx".into()), NAME);
    invalid(|options| options.endpoint = "ftp://example.org".into(), NAME);
    invalid(|options| options.token = Some("two\nlines".into()), NAME);
}

#[test]
fn passing_failures_are_waited_for() {
    let case = Case::new();
    case.hub.fault("/api/", Fault::Status(429, "retry-after", "0"));
    case.hub.fault("/api/", Fault::Status(503, "x", "y"));
    case.hub.fault("/store/", Fault::Status(500, "x", "y"));
    hub::pull(NAME, &case.options()).unwrap();
    assert!(case.is_complete());

    let case = Case::new();
    let mut options = case.options();
    (options.retries, options.timeout) = (1, Duration::from_millis(200));
    let unavailable = |options: &HubOptions, words: &str| {
        let error = hub::pull(NAME, options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::RemoteUnavailable);
        assert!(error.to_string().contains(words), "{error}");
    };
    for fault in [Fault::Status(503, "x", "y"), Fault::Status(429, "retry-after", "0")] {
        case.hub.fault("/api/", fault);
    }
    unavailable(&options, "try again later");
    case.hub.fault("/api/", Fault::Status(429, "retry-after", "3600"));
    unavailable(&options, "asks for 3600 s of rest");
    for _ in 0..2 {
        case.hub.fault("/store/", Fault::Hang(0));
    }
    unavailable(&options, "try again later");
    options.endpoint = "http://127.0.0.1:9".into();
    unavailable(&options, "cannot be reached");
}

#[test]
fn follows_a_renamed_repository() {
    let case = Case::new();
    let renamed = "/api/models/owner/tiny-reranker/revision/main?blobs=true";
    case.hub.fault("/owner/old-name/", Fault::Status(307, "location", renamed));
    let mut options = case.options();
    options.token = Some("hf_secret".into());
    let error = hub::pull("owner/old-name", &options).unwrap_err();
    let asked = case.hub.asked("/api/");
    assert_eq!(asked.len(), 2, "{error}");
    assert!(asked.iter().all(|asked| asked.token.is_some()), "both are of the hub");
    case.hub.fault("/api/", Fault::Status(302, "location", "file:///etc/passwd"));
    let error = hub::pull(NAME, &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RemoteInvalidAnswer);
}

#[test]
fn offline_is_what_the_cache_holds() {
    let case = Case::new();
    let mut options = case.options();
    options.offline = true;
    let error = hub::pull(NAME, &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ModelNotInstalled);
    assert!(error.to_string().contains("HF_HUB_OFFLINE"), "{error}");
    assert_eq!(case.hub.asked("").len(), 0);
    hub::pull(NAME, &case.options()).unwrap();
    case.hub.asked("");
    assert_eq!(hub::pull(NAME, &options).unwrap().graph, GRAPH);
    assert_eq!(case.hub.asked("").len(), 0);
}

/// By another client, which was asked for one graph and no more.
#[test]
fn finds_what_others_have_put_there() {
    let case = Case::new();
    let folder = case.folder().join("snapshots").join(COMMIT);
    fs::create_dir_all(folder.join("onnx")).unwrap();
    fs::create_dir_all(case.folder().join("refs")).unwrap();
    fs::write(case.folder().join("refs/main"), COMMIT).unwrap();
    let found = || hub::cached(NAME, &case.options()).unwrap();
    fs::copy(model().join(GRAPH), folder.join("onnx/model_uint8.onnx")).unwrap();
    assert!(found().is_none(), "without a tokenizer it is no model");
    for name in ["tokenizer.json", "config.json"] {
        fs::copy(model().join(name), folder.join(name)).unwrap();
    }
    assert_eq!(found().unwrap().graph, "onnx/model_uint8.onnx");
    fs::copy(model().join(GRAPH), folder.join("onnx/model.onnx")).unwrap();
    assert_eq!(found().unwrap().graph, "onnx/model.onnx");
    let mut options = case.options();
    options.revision = COMMIT.into();
    assert!(hub::cached(NAME, &options).unwrap().is_some());
    options.file = Some("onnx/model_uint8.onnx".into());
    assert!(hub::cached(NAME, &options).unwrap().is_some());
    options.file = Some("onnx/model_q4.onnx".into());
    assert!(hub::cached(NAME, &options).unwrap().is_none());
}

#[test]
fn a_killed_pull_goes_on() {
    let case = Case::new();
    case.hub.fault("/store/", Fault::Hang(20_000));
    let mut child = case.command(&["pull", NAME]).stderr(Stdio::null()).spawn().unwrap();
    let start = Instant::now();
    while fs::metadata(case.partial(GRAPH)).map_or(0, |found| found.len()) < 20_000 {
        assert!(start.elapsed() < Duration::from_secs(30), "nothing arrives");
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!case.blob(GRAPH).exists());
    assert!(!case.folder().join("snapshots").exists());
    case.hub.asked("");
    assert!(case.stdout(&["pull", NAME]).contains(GRAPH));
    assert!(case.is_complete());
    let asked = case.hub.asked("/store/");
    assert_eq!(asked[0].range.as_deref(), Some("bytes=20000-"));
}

#[test]
fn two_pulls_at_once_download_once() {
    let case = Case::new();
    case.hub.fault("/store/", Fault::Slow);
    let children: Vec<_> = (0..2)
        .map(|_| case.command(&["pull", NAME]).stdout(Stdio::piped()).spawn().unwrap())
        .collect();
    for child in children {
        text_of(child.wait_with_output().unwrap());
    }
    assert!(case.is_complete());
    assert_eq!(case.hub.asked("/store/").len(), 1);
    assert!(!case.partial(GRAPH).exists());
}

/// A limit on the size of files stands for a full disk: `write` fails in the middle in both.
#[cfg(unix)]
#[test]
fn a_full_disk_is_named_and_what_came_is_kept() {
    let case = Case::new();
    let limited = "trap '' XFSZ; ulimit -f 20; exec \"$0\" \"$@\"";
    let mut command = case.program("sh", &["-c", limited, PROGRAM, "pull", NAME]);
    let line = complaint(command.output().unwrap(), "io");
    assert!(line.contains("make room") && line.contains("are kept"), "{line}");
    let kept = fs::metadata(case.partial(GRAPH)).unwrap().len();
    assert!(kept > 0 && (kept as usize) < case.hub.file(GRAPH).len());
    assert!(!case.blob(GRAPH).exists() && !case.folder().join("snapshots").exists());
    case.hub.asked("");
    case.stdout(&["pull", NAME]);
    assert!(case.is_complete());
    assert_eq!(case.hub.asked("/store/")[0].range, Some(format!("bytes={kept}-")));
}

#[test]
fn a_cache_that_cannot_be_written_is_named() {
    let case = Case::new();
    let file = case.cache.path().join("a-file");
    fs::write(&file, b"").unwrap();
    let output = case.command(&["pull", NAME]).env("HF_HUB_CACHE", &file).output().unwrap();
    assert!(complaint(output, "io").contains("a-file"));
}

#[test]
fn the_environment_is_that_of_other_clients() {
    let case = Case::new();
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("token"), "hf_of_file\n").unwrap();
    let pull = |change: &dyn Fn(&mut Command)| {
        let mut command = case.command(&["pull", NAME]);
        command.env_remove("HF_HUB_CACHE").env("HF_HOME", home.path());
        change(&mut command);
        command.output().unwrap()
    };
    text_of(pull(&|_| ()));
    assert!(home.path().join("hub/models--owner--tiny-reranker/refs/main").is_file());
    assert_eq!(case.hub.asked("/api/")[0].token.as_deref(), Some("Bearer hf_of_file"));
    text_of(pull(&|command| {
        command.env("HF_TOKEN", "hf_of_variable");
    }));
    assert_eq!(case.hub.asked("/api/")[0].token.as_deref(), Some("Bearer hf_of_variable"));
    text_of(pull(&|command| {
        command.env("HF_HUB_OFFLINE", "1");
    }));
    assert_eq!(case.hub.asked("").len(), 0);
    let xdg = tempfile::tempdir().unwrap();
    text_of(pull(&|command| {
        command.env_remove("HF_HOME").env("XDG_CACHE_HOME", xdg.path());
    }));
    assert!(xdg.path().join("huggingface/hub/models--owner--tiny-reranker").is_dir());
    // An option goes before the variable.
    let mut command = case.command(&["pull", NAME, "--endpoint", &case.hub.url]);
    text_of(command.env("HF_ENDPOINT", "http://127.0.0.1:9").output().unwrap());
}

#[test]
fn models_are_named_wherever_they_are_read() {
    let case = Case::new();
    let rerank = |model: &str| {
        let query = ["rerank", "--json", "--query", "search query"];
        case.run(&[&query[..], &["--model", model, "examples/passages.txt"]].concat())
    };
    let line = complaint(rerank(NAME), "model-not-installed");
    assert!(line.contains("run `crossrank pull owner/tiny-reranker`"), "{line}");
    case.stdout(&["pull", NAME]);
    let expected = text_of(rerank("tests/data/graphs/int8-tensor"));
    assert_eq!(text_of(rerank(NAME)), expected);
    assert_eq!(text_of(rerank(&format!("{NAME}@{COMMIT}:{GRAPH}"))), expected);
    let line = complaint(rerank(&format!("{NAME}@v2:onnx/model.onnx")), "model-not-installed");
    assert!(line.contains("pull owner/tiny-reranker --revision v2 --file onnx/model.onnx"));

    let prepared = case.cache.path().join("tiny.crossrank");
    case.stdout(&["prepare", NAME, "-o", prepared.to_str().unwrap()]);
    assert_eq!(text_of(rerank(prepared.to_str().unwrap())), expected);
    let line = complaint(case.run(&["embed", "--model", "owner/none", "-"]), "model-not-installed");
    assert!(line.contains("crossrank pull owner/none"));
    let serve = ["serve", "--port", "0", "--model", "owner/none"];
    complaint(case.run(&serve), "model-not-installed");

    let bundled = text_of(rerank("minilm-l6-en"));
    assert_eq!(bundled, text_of(rerank("models/minilm-l6-en")));
    complaint(rerank("all-minilm-l6-v2"), "unsupported-model");
    complaint(rerank("no-such-folder"), "io");
}

#[test]
fn graphs_and_their_weights_are_chosen() {
    let mut files = BTreeMap::new();
    for name in ["tokenizer.json", "config.json"] {
        files.insert(name.to_owned(), fs::read(model().join(name)).unwrap());
    }
    for name in ["onnx/model.onnx", "onnx/model.onnx_data", "onnx/model_O4.onnx"] {
        files.insert(name.to_owned(), name.as_bytes().to_vec());
    }
    let outside = "onnx/model.onnx_data/../../../../../../outside";
    files.insert(outside.to_owned(), b"evil".to_vec());
    let hub = Hub::of(NAME, files);
    let case = Case { hub, cache: tempfile::tempdir().unwrap() };
    assert!(case.stdout(&["pull", NAME]).contains("onnx/model.onnx, "));
    let folder = case.folder().join("snapshots").join(COMMIT);
    assert!(folder.join("onnx/model.onnx_data").is_file());
    assert!(!folder.join("onnx/model_O4.onnx").exists());
    assert!(case.hub.asked("outside").is_empty(), "a path that leads out of the repository");
    case.stdout(&["pull", NAME, "--file", "onnx/model_O4.onnx"]);
    assert!(folder.join("onnx/model_O4.onnx").is_file());
    let line = complaint(case.run(&["pull", NAME, "--file", "x.onnx"]), "unsupported-model");
    assert!(line.contains("it holds onnx/model.onnx, onnx/model_O4.onnx"), "{line}");
}

#[test]
fn known_models_are_listed() {
    let case = Case::new();
    let table = case.stdout(&["models"]);
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), hub::models().len() + 2, "a head and a foot");
    let of = |table: &str, name: &str| {
        table.lines().find(|line| line.contains(name)).unwrap().starts_with('*')
    };
    assert!(of(&table, "minilm-l6-en") && !of(&table, "BAAI/bge-reranker-base"));
    let folder = case.cache.path().join("models--Xenova--bge-reranker-base");
    let snapshot = folder.join("snapshots").join(COMMIT);
    fs::create_dir_all(snapshot.join("onnx")).unwrap();
    fs::create_dir_all(folder.join("refs")).unwrap();
    fs::write(folder.join("refs/main"), COMMIT).unwrap();
    for name in [GRAPH, "tokenizer.json", "config.json"] {
        fs::copy(model().join(name), snapshot.join(name)).unwrap();
    }
    assert!(of(&case.stdout(&["models"]), "BAAI/bge-reranker-base"));

    let all: serde_json::Value = serde_json::from_str(&case.stdout(&["models", "--json"])).unwrap();
    assert_eq!(all.as_array().unwrap().len(), hub::models().len());
    assert_eq!(all[0]["available"], true);
    let sheet = case.stdout(&["models", "cross-encoder/ms-marco-MiniLM-L-6-v2"]);
    assert!(sheet.contains("Xenova/ms-marco-MiniLM-L-6-v2"), "{sheet}");
    assert!(sheet.contains("nDCG@10 74.3 on TREC DL 19"), "{sheet}");
    complaint(case.run(&["models", "owner/unknown"]), "invalid-argument");
}

/// README's table of the models, as it follows from the registry.
#[test]
fn the_readme_has_the_known_models() {
    let rows = hub::models().iter().filter(|model| !model.bundled).map(|model| {
        let number = |value: Option<f64>| value.map(|v| v.to_string()).unwrap_or_default();
        let quality = model.quality.iter().map(|q| format!("{} {} ({})", q.metric, q.value, q.set));
        let runs = if model.engine == hub::Engine::Fused { "fused" } else { "general" };
        format!(
            "| [{}]({}) | {} | {} | {} | {} | {} | {} | {runs} |\n",
            model.name,
            model.source,
            model.languages,
            number(model.million_parameters),
            number(model.graphs[0].megabytes),
            model.max_tokens.map(|n| n.to_string()).unwrap_or_default(),
            model.license.as_deref().unwrap_or_default(),
            quality.collect::<Vec<_>>().join(", "),
        )
    });
    let head = "| model | languages | M parameters | MB | tokens | licence | published | runs |\n\
                |---|---|---|---|---|---|---|---|\n";
    let table: String = std::iter::once(head.to_owned()).chain(rows).collect();
    let readme = fs::read_to_string(common::root().join("README.md")).unwrap();
    assert!(readme.contains(&table), "README.md lacks this table:\n{table}");
}
