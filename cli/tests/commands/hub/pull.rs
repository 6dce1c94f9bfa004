//! Downloads that are complete, interrupted, refused or killed, and two at the same time.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crossrank::hub::{self, HubOptions};
use crossrank::{ErrorKind, LoadOptions, ModelFiles, Reranker};

use super::loopback::{COMMIT, Fault};
use super::{Case, GRAPH, NAME, PROGRAM, complaint, model, text_of};
#[cfg(unix)]
use crate::command::on_full_disk;
use crate::common::Random;

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
fn resumes_where_a_connection_broke() {
    let case = Case::new();
    case.hub.fault("/store/", Fault::Cut(10_000));
    case.hub.fault("/store/", Fault::Cut(5_000));
    hub::pull(NAME, &case.options()).unwrap();
    assert!(case.is_complete());
    let ranges: Vec<_> = case.hub.asked("/store/").into_iter().map(|asked| asked.range).collect();
    assert_eq!(ranges, [None, Some("bytes=10000-".into()), Some("bytes=15000-".into())]);

    // Without support for ranges, the download starts again.
    let case = Case::new();
    case.hub.fault("/store/", Fault::Cut(10_000));
    case.hub.fault("/store/", Fault::NoRanges);
    hub::pull(NAME, &case.options()).unwrap();
    assert!(case.is_complete());

    // If every connection breaks, the download fails in the end, and the cache keeps its bytes.
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
fn a_file_must_be_the_one_that_the_hub_lists() {
    let case = Case::new();
    case.hub.fault("/store/", Fault::Wrong);
    let error = hub::pull(NAME, &case.options()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RemoteInvalidAnswer);
    assert!(error.to_string().contains(&case.hub.hash(GRAPH)), "{error}");
    assert!(!case.blob(GRAPH).exists() && !case.partial(GRAPH).exists());
    assert!(!case.folder().join("snapshots").exists());

    // The same holds for a small file, whose hash is git's.
    case.hub.fault("/resolve/0123456789abcdef0123456789abcdef01234567/config.json", Fault::Wrong);
    let error = hub::pull(NAME, &case.options()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RemoteInvalidAnswer);
    assert!(hub::cached(NAME, &case.options()).unwrap().is_none());

    // What an earlier download left may be damaged, or too long.
    for left in [&b"damage"[..], &vec![7; 1 << 20]] {
        fs::write(case.partial("config.json"), left).unwrap();
        hub::pull(NAME, &case.options()).unwrap();
        assert!(case.is_complete());
        fs::remove_dir_all(case.folder().join("snapshots")).unwrap();
        fs::remove_file(case.blob("config.json")).unwrap();
    }
    // An incomplete blob is downloaded again.
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
    assert!(refused(Some(gated), Some("hf_secret"), NAME).contains("requires you to accept terms"));
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
fn transient_failures_are_retried() {
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
    unavailable(&options, "asks to wait 3600 s");
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
    assert!(asked.iter().all(|asked| asked.token.is_some()), "both go to the hub");
    case.hub.fault("/api/", Fault::Status(302, "location", "file:///etc/passwd"));
    let error = hub::pull(NAME, &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RemoteInvalidAnswer);
}

#[test]
fn a_killed_pull_is_resumed() {
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

/// At whatever moment a pull is killed, a file of the cache has its right content or is not there.
#[test]
fn pulls_that_are_killed_leave_no_wrong_file() {
    let case = Case::new();
    let mut random = Random(7);
    let mut finished = 0;
    for _ in 0..50 {
        let mut child = case.command(&["pull", NAME]).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(random.below(60) as u64));
        let _ = child.kill();
        child.wait().unwrap();
        for name in [GRAPH, "tokenizer.json", "config.json"] {
            let (blob, linked) =
                (case.blob(name), case.folder().join("snapshots").join(COMMIT).join(name));
            for path in [blob, linked].iter().filter(|path| path.exists()) {
                assert!(fs::read(path).unwrap() == case.hub.file(name), "{}", path.display());
            }
        }
        // A complete model is not downloaded again, so the next one begins anew.
        if case.is_complete() {
            finished += 1;
            fs::remove_dir_all(case.folder()).unwrap();
        }
    }
    eprintln!("{finished} of 50 runs had finished");
    case.stdout(&["pull", NAME]);
    assert!(case.is_complete());
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

#[cfg(unix)]
#[test]
fn a_full_disk_is_reported_and_the_downloaded_bytes_are_kept() {
    let case = Case::new();
    let mut command = case.program("sh", &["-c", &on_full_disk(20), PROGRAM, "pull", NAME]);
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
fn a_cache_that_cannot_be_written_is_reported() {
    let case = Case::new();
    let file = case.cache.path().join("a-file");
    fs::write(&file, b"").unwrap();
    let output = case.command(&["pull", NAME]).env("HF_HUB_CACHE", &file).output().unwrap();
    assert!(complaint(output, "io").contains("a-file"));
}
