//! Models in the cache by name, and the list of known models.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use crossrank::ErrorKind;
use crossrank::hub;

use super::loopback::{COMMIT, Hub};
use super::{Case, GRAPH, NAME, complaint, model, text_of};

#[test]
fn offline_only_the_cache_is_used() {
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

/// Another client may have downloaded only one graph.
#[test]
fn finds_what_other_clients_have_downloaded() {
    let case = Case::new();
    let folder = case.folder().join("snapshots").join(COMMIT);
    fs::create_dir_all(folder.join("onnx")).unwrap();
    fs::create_dir_all(case.folder().join("refs")).unwrap();
    fs::write(case.folder().join("refs/main"), COMMIT).unwrap();
    let found = || hub::cached(NAME, &case.options()).unwrap();
    fs::copy(model().join(GRAPH), folder.join("onnx/model_other.onnx")).unwrap();
    assert!(found().is_none(), "without a tokenizer it is no model");
    for name in ["tokenizer.json", "config.json"] {
        fs::copy(model().join(name), folder.join(name)).unwrap();
    }
    assert_eq!(found().unwrap().graph, "onnx/model_other.onnx");
    fs::copy(model().join(GRAPH), folder.join("onnx/model.onnx")).unwrap();
    assert_eq!(found().unwrap().graph, "onnx/model.onnx");
    let mut options = case.options();
    options.revision = COMMIT.into();
    assert!(hub::cached(NAME, &options).unwrap().is_some());
    options.file = Some("onnx/model_other.onnx".into());
    assert!(hub::cached(NAME, &options).unwrap().is_some());
    options.file = Some("onnx/model_q4.onnx".into());
    assert!(hub::cached(NAME, &options).unwrap().is_none());
}

#[test]
fn the_environment_variables_are_those_of_other_clients() {
    let case = Case::new();
    let home = temp_dir::TempDir::new().unwrap();
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
    let xdg = temp_dir::TempDir::new().unwrap();
    text_of(pull(&|command| {
        command.env_remove("HF_HOME").env("XDG_CACHE_HOME", xdg.path());
    }));
    assert!(xdg.path().join("huggingface/hub/models--owner--tiny-reranker").is_dir());
    // An option takes precedence over the variable.
    let mut command = case.command(&["pull", NAME, "--endpoint", &case.hub.url]);
    text_of(command.env("HF_ENDPOINT", "http://127.0.0.1:9").output().unwrap());
}

#[test]
fn every_command_reads_models_by_name() {
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

/// A folder that looks like the name of a repository is a folder, also where its graph is named.
#[test]
fn graphs_of_a_folder_are_named() {
    let case = Case::new();
    let folder = "tests/data/graphs/int8-tensor";
    let rerank = |model: &str| {
        let query = ["rerank", "--json", "--query", "search query"];
        case.run(&[&query[..], &["--model", model, "examples/passages.txt"]].concat())
    };
    let expected = text_of(rerank(folder));
    for graph in [format!("{folder}:{GRAPH}"), format!("{folder}/{GRAPH}")] {
        assert_eq!(text_of(rerank(&graph)), expected);
        let file = case.cache.path().join("tiny.crossrank");
        case.stdout(&["prepare", &graph, "-o", file.to_str().unwrap()]);
    }
    let missing = [format!("{folder}:onnx/no.onnx"), format!("{folder}/onnx/no.onnx")];
    for graph in missing {
        let line = complaint(rerank(&graph), "io");
        assert!(line.contains("no onnx/no.onnx") && line.contains(GRAPH), "{line}");
    }
    complaint(rerank("models/no.onnx"), "io");
    let line = complaint(rerank("benches/model/minilm-l6-en:onnx/no.onnx"), "io");
    assert!(line.contains("onnx/model_quantized.onnx"), "{line}");
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
    let case = Case { hub, cache: temp_dir::TempDir::new().unwrap() };
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
    assert!(lines[0].contains(" size ") && table.contains(" 279 MB "), "{table}");
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
    let bundled = crossrank::Reranker::bundled().unwrap();
    assert_eq!(hub::find("minilm-l6-en").unwrap().revision.as_deref(), bundled.revision());
    assert_eq!(bundled.revision(), Some("3"));
    let sheet = case.stdout(&["models", "minilm-l6-en"]);
    assert!(sheet.contains("revision      3\n"), "{sheet}");
    complaint(case.run(&["models", "owner/unknown"]), "invalid-argument");
}

/// The filters of `crossrank models`. Each is compared with the registry's own fields.
#[test]
fn known_models_are_filtered() {
    let case = Case::new();
    let registry: serde_json::Value =
        serde_json::from_str(include_str!("../../../../src/hub/registry.json")).unwrap();
    let names = |keep: &dyn Fn(&serde_json::Value) -> bool| -> Vec<String> {
        let kept = registry.as_array().unwrap().iter().filter(|model| keep(model));
        kept.map(|model| model["name"].as_str().unwrap().to_owned()).collect()
    };
    let listed = |filters: &[&str]| -> Vec<String> {
        let json = case.stdout(&[&["models", "--json"][..], filters].concat());
        let models: Vec<serde_json::Value> = serde_json::from_str(&json).unwrap();
        models.iter().map(|model| model["name"].as_str().unwrap().to_owned()).collect()
    };
    let text = |model: &serde_json::Value, field: &str| model[field].as_str().map(str::to_owned);
    let is_permissive = |model: &serde_json::Value| {
        matches!(text(model, "license").as_deref(), Some("apache-2.0" | "mit"))
    };
    let german = |model: &serde_json::Value| {
        let languages = text(model, "languages").unwrap();
        languages.contains("de") || languages == "multilingual"
    };
    let small = |model: &serde_json::Value| {
        model["graphs"][0]["megabytes"].as_f64().is_some_and(|size| size <= 50.0)
    };
    let embeds = names(&|model| model["task"] == "embed");
    let cases: [(&[&str], Vec<String>); 6] = [
        (&["--task", "embed"], embeds),
        (&["--language", "de"], names(&german)),
        (&["--max-mb", "50"], names(&small)),
        (&["--license", "permissive"], names(&is_permissive)),
        (&["--license", "MIT"], names(&|model| model["license"] == "mit")),
        (
            &["--task", "rerank", "--language", "en", "--max-mb", "50", "--license", "permissive"],
            names(&|model| model["task"] == "rerank" && small(model) && is_permissive(model)),
        ),
    ];
    for (filters, expected) in cases {
        assert!(!expected.is_empty() && expected.len() < hub::models().len(), "{filters:?}");
        assert_eq!(listed(filters), expected, "{filters:?}");
    }
    // No multilingual model is that small, and one whose size is unknown might not be.
    let filters =
        ["--task", "rerank", "--language", "de", "--max-mb", "50", "--license", "permissive"];
    assert_eq!(listed(&filters), [""; 0]);
    let message = case.stdout(&[&["models"][..], &filters].concat());
    assert!(message.starts_with("No known model is like that."), "{message}");

    let table = case.stdout(&["models", "--task", "rerank"]);
    let of = |name: &str| table.lines().find(|line| line.contains(name)).unwrap();
    let forbidden = of("jinaai/jina-reranker-v2");
    assert!(forbidden.contains("cc-by-nc-4.0 (no commercial use)"), "{forbidden}");
    assert!(of("ettin-reranker-17m-v1").ends_with("kernels (safetensors)"), "{table}");
    assert!(of("ms-marco-MiniLM-L6-v2").ends_with("kernels"), "{table}");
    assert!(of("ms-marco-MiniLM-L4-v2").contains(" unknown "), "its licence is not known");
    complaint(case.run(&["models", "minilm-l6-en", "--task", "embed"]), "invalid-argument");
}

/// The table of models in the documentation must agree with the registry.
#[test]
fn the_documentation_has_the_known_models() {
    let rows = hub::models().iter().filter(|model| !model.bundled).map(|model| {
        let number = |value: Option<f64>| value.map(|v| v.to_string()).unwrap_or_default();
        let quality = model.quality.iter().map(|q| format!("{} {} ({})", q.metric, q.value, q.set));
        let is_safetensors = model.graphs[0].path.ends_with(".safetensors");
        let runs = match model.engine {
            hub::Engine::Fused if is_safetensors => "fused, from safetensors",
            hub::Engine::Fused => "fused",
            hub::Engine::General => "general",
            _ => "unknown",
        };
        let note = if model.forbids_commercial_use() { ", **no commercial use**" } else { "" };
        format!(
            "| [{}]({}) | {} | {} | {} | {} | {}{note} | {} | {runs} |\n",
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
    let page = "docs/guides/models.md";
    let text = fs::read_to_string(crate::common::root().join(page)).unwrap();
    assert!(text.contains(&table), "{page} lacks this table:\n{table}");
}
