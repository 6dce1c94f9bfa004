//! Weights in safetensors, as transformers and sentence-transformers save them: logits against theirs.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use crate::common::root;
use crossrank::{
    Bits, Embedder, EmbedderOptions, ErrorKind, LoadOptions, LongDocuments, ModelFiles,
    RerankOptions, Reranker, SAMPLE,
};
use serde_json::Value;

fn folder(name: &str) -> PathBuf {
    root().join("tests/data/checkpoints").join(name)
}

fn files(name: &str) -> ModelFiles {
    ModelFiles::read(folder(name)).unwrap()
}

/// The cases of a model's `expected.json`.
fn cases(name: &str) -> Vec<Value> {
    let json = fs::read_to_string(folder(name).join("expected.json")).unwrap();
    let mut expected: Value = serde_json::from_str(&json).unwrap();
    serde_json::from_value(expected["cases"].take()).unwrap()
}

fn load(files: &ModelFiles, keep_floats: bool) -> Reranker {
    let mut options = LoadOptions::default();
    options.keep_floats = keep_floats;
    Reranker::from_files(files, options).unwrap()
}

fn logits(name: &str, reranker: &Reranker) -> Vec<f32> {
    let cases = cases(name);
    let text = |case: &'_ Value, key: &str| case[key].as_str().unwrap().to_owned();
    let pairs: Vec<(String, String)> =
        cases.iter().map(|case| (text(case, "query"), text(case, "document"))).collect();
    let mut options = RerankOptions::default();
    options.long_documents = Some(LongDocuments::Truncate);
    let scores = reranker.score_with(&pairs, &options).unwrap();
    scores.into_iter().map(|score| score.logit).collect()
}

fn expected(name: &str) -> Vec<f32> {
    cases(name).iter().map(|case| case["logit"].as_f64().unwrap() as f32).collect()
}

/// The mean and the largest difference.
fn difference(a: &[f32], b: &[f32]) -> (f32, f32) {
    let differences: Vec<f32> = a.iter().zip(b).map(|(a, b)| (a - b).abs()).collect();
    let largest = differences.iter().copied().fold(0.0, f32::max);
    (differences.iter().sum::<f32>() / differences.len() as f32, largest)
}

const RERANKERS: [&str; 21] = [
    "bert",
    "bert-f16",
    "bert-bf16",
    "bert-sharded",
    "bert-silu",
    "bert-relevance",
    "ernie",
    "electra",
    "distilbert",
    "roberta",
    "xlm-roberta",
    "mpnet",
    "deberta-v2",
    "modernbert",
    "modernbert-cls",
    "jina-bert",
    "new",
    "new-scaled",
    "gte",
    "ettin",
    "modules-mean",
];

#[test]
fn each_architecture_gives_the_logits_of_transformers() {
    for name in RERANKERS {
        let reranker = load(&files(name), true);
        assert_eq!((reranker.warning(), reranker.max_length()), (None, 64), "{name}");
        let (_, largest) = difference(&logits(name, &reranker), &expected(name));
        assert!(largest < 1e-3, "{name}: {largest}");
    }
}

/// The default is int8, with the weights of `crossrank quantize`. They are as far from the floats as those that
/// it makes of an ONNX graph with the same weights.
#[test]
fn weights_are_quantized_when_they_are_loaded() {
    let quantized = |files: &ModelFiles| {
        let mut file = Cursor::new(Vec::new());
        files.quantize_to(Bits::Eight, &SAMPLE, &mut file).unwrap();
        load(&ModelFiles::from_prepared(file.into_inner()).unwrap(), false)
    };
    for name in RERANKERS {
        let files = files(name);
        let found = logits(name, &load(&files, false));
        assert_eq!(found, logits(name, &quantized(&files)), "{name}: another quantization");
        assert_ne!(found, logits(name, &load(&files, true)), "{name}: not quantized");
    }
    for (name, graph) in [
        ("bert", "torchscript-17"),
        ("electra", "electra"),
        ("roberta", "roberta"),
        ("mpnet", "mpnet"),
        ("deberta-v2", "deberta-v2"),
        ("modernbert", "modernbert"),
        ("jina-bert", "jina-bert"),
        ("new", "new"),
    ] {
        let of_graph = quantized(&ModelFiles::read(crate::common::graph(graph)).unwrap());
        let of = |reranker: &Reranker| difference(&logits(name, reranker), &expected(name));
        let (ours, theirs) = (of(&load(&files(name), false)), of(&of_graph));
        assert!(ours.0 <= 1.001 * theirs.0, "{name}: {ours:?}, and {theirs:?} of the graph");
    }
}

#[test]
fn checkpoints_can_be_prepared_and_trimmed_and_told_apart() {
    for name in ["bert-bf16", "bert-sharded", "modernbert", "deberta-v2", "ettin"] {
        let files = files(name);
        let prepared = ModelFiles::from_prepared(files.prepare().unwrap()).unwrap();
        let found = logits(name, &load(&prepared, false));
        assert_eq!(found, logits(name, &load(&files, true)), "{name}");
    }
    let whole = files("ettin");
    let mut other = whole.clone();
    let head = other.embedding.get_mut("4_Dense/model.safetensors").unwrap();
    let mut bytes = head.to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    *head = bytes.into();
    assert_ne!(whole.fingerprint(), other.fingerprint());
}

#[test]
fn an_embedder_gives_the_vectors_of_sentence_transformers() {
    for name in ["embedder-bert", "embedder-modernbert", "embedder-nomic-bert"] {
        for (keep_floats, tolerance) in [(true, 1e-4), (false, 0.1)] {
            let mut options = EmbedderOptions::default();
            options.keep_floats = keep_floats;
            let embedder = Embedder::from_files(&files(name), options).unwrap();
            for case in cases(name) {
                let vector: Vec<f32> = serde_json::from_value(case["vector"].clone()).unwrap();
                let found = embedder.embed(&[case["text"].as_str().unwrap()]).unwrap().remove(0);
                let (_, largest) = difference(&found, &vector);
                assert!(largest < tolerance, "{name} {}: {largest}", case["text"]);
            }
        }
    }
}

/// The published files of NomicBERT have the settings of its own code, and those that transformers saves have its own.
#[test]
fn nomic_bert_has_the_settings_of_transformers_or_its_own() {
    let load = |folder: &Path| {
        let files = ModelFiles::read(folder).unwrap();
        Embedder::from_files(&files, EmbedderOptions::default())
    };
    let own = |other: Value| {
        let mut settings = serde_json::json!({
            "model_type": "nomic_bert", "vocab_size": 120, "type_vocab_size": 2, "n_embd": 16, "n_layer": 1, "n_head": 2,
            "n_inner": 32, "n_positions": 64, "activation_function": "swiglu", "layer_norm_epsilon": 1e-12,
            "prenorm": false, "causal": false, "use_rms_norm": false, "qkv_proj_bias": false,
            "rotary_emb_base": 1000, "rotary_emb_fraction": 1.0, "rotary_emb_interleaved": false,
            "rotary_emb_scale_base": null, "rotary_scaling_factor": null, "max_trained_positions": 2048,
        });
        settings.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
        let write = |folder: &Path| {
            fs::write(folder.join("config.json"), settings.to_string()).unwrap();
        };
        load(copied("embedder-nomic-bert", write).path())
    };
    let texts = ["river", "the rank of a passage is its score"];
    let vectors = |embedder: &Embedder| embedder.embed(&texts).unwrap();
    let saved = load(&folder("embedder-nomic-bert")).unwrap();
    let published = own(serde_json::json!({})).unwrap();
    assert_eq!(vectors(&saved), vectors(&published));
    assert_eq!([saved.max_length(), published.max_length()], [64, 64]);
    // Its own code gives longer sequences than these another base.
    let scaling = serde_json::json!({ "rotary_scaling_factor": 2.0, "max_trained_positions": 32 });
    let scaled = own(scaling).unwrap();
    assert_eq!((scaled.max_length(), vectors(&scaled)), (32, vectors(&saved)));

    for (key, value) in [
        ("prenorm", Value::from(true)),
        ("rotary_emb_interleaved", true.into()),
        ("rotary_emb_fraction", 0.5.into()),
        ("rotary_emb_scale_base", 512.into()),
    ] {
        let error = own(serde_json::json!({ key: value })).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::UnsupportedModel);
        assert!(error.to_string().contains(key), "{error}");
    }
}

/// A folder with the files of a model, which `edit` has changed.
fn copied(name: &str, edit: impl FnOnce(&Path)) -> temp_dir::TempDir {
    fn copy(from: &Path, to: &Path) {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
            let (path, to) = (entry.path(), to.join(entry.file_name()));
            match path.is_dir() {
                true => copy(&path, &to),
                false => fs::write(to, fs::read(path).unwrap()).unwrap(),
            }
        }
    }
    let temporary = temp_dir::TempDir::new().unwrap();
    copy(&folder(name), temporary.path());
    edit(temporary.path());
    temporary
}

fn edited(name: &str, edit: impl FnOnce(&Path)) -> Result<Reranker, crossrank::Error> {
    let files = ModelFiles::read(copied(name, edit).path())?;
    Reranker::from_files(&files, LoadOptions::default())
}

/// Changes a setting of a JSON file.
fn set(file: &str, key: &str, value: Value) -> impl FnOnce(&Path) + use<> {
    let (file, key) = (file.to_owned(), key.to_owned());
    move |folder| {
        let path = folder.join(file);
        let mut json: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        json[key] = value;
        fs::write(path, json.to_string()).unwrap();
    }
}

/// Replaces some bytes in a file by others of the same length.
fn replace(file: &str, old: &str, new: &str) -> impl FnOnce(&Path) + use<> {
    let (file, old, new) = (file.to_owned(), old.to_owned(), new.to_owned());
    move |folder| {
        assert_eq!(old.len(), new.len());
        let path = folder.join(file);
        let mut bytes = fs::read(&path).unwrap();
        let at = bytes.windows(old.len()).position(|window| window == old.as_bytes()).unwrap();
        bytes[at..at + new.len()].copy_from_slice(new.as_bytes());
        fs::write(path, bytes).unwrap();
    }
}

#[track_caller]
fn refused(name: &str, edit: impl FnOnce(&Path), kind: ErrorKind, parts: &[&str]) {
    let error = edited(name, edit).err().expect("it is refused");
    let message = error.to_string();
    assert_eq!(error.kind(), kind, "{message}");
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in: {message}");
    }
}

#[test]
fn what_is_wrong_with_the_files_is_named() {
    use ErrorKind::{InvalidModel, Io, UnsupportedModel};
    use serde_json::json;
    let config = |key: &str, value| set("config.json", key, value);
    let weights = "model.safetensors";

    // Files
    let cut = |file: &'static str, keep: usize| {
        move |folder: &Path| {
            let content = fs::read(folder.join(file)).unwrap();
            fs::write(folder.join(file), &content[..keep]).unwrap();
        }
    };
    refused("bert", cut(weights, 10_000), InvalidModel, &[weights, "bytes of tensors", "download"]);
    refused("bert", cut(weights, 500), InvalidModel, &[weights, "within its header"]);
    let dense = "2_Dense/model.safetensors";
    refused("ettin", cut(dense, 300), InvalidModel, &[dense, "damaged", "download"]);
    let remove =
        |file: &'static str| move |folder: &Path| fs::remove_file(folder.join(file)).unwrap();
    let shard = "model-00002-of-00002.safetensors";
    refused("bert-sharded", remove(shard), Io, &[shard]);
    refused("ettin", remove(dense), InvalidModel, &[dense, "weights of a module"]);
    refused("ettin", remove("3_LayerNorm/config.json"), InvalidModel, &["3_LayerNorm/config.json"]);
    let pointer = |folder: &Path| {
        fs::write(folder.join(weights), "version https://git-lfs.github.com/spec/v1\n").unwrap();
    };
    refused("bert", pointer, InvalidModel, &[weights, "Git LFS"]);
    let index = "model.safetensors.index.json";
    refused(
        "bert-sharded",
        replace(index, shard, &shard.replace("model-", "../../")),
        InvalidModel,
        &["elsewhere"],
    );

    // Tensors
    let key = "bert.encoder.layer.0.attention.self.key.weight";
    let other = key.replace("key", "kay");
    refused("bert", replace(weights, key, &other), InvalidModel, &[weights, key, "one repository"]);
    refused(
        "bert",
        replace(weights, "[16,16]", "[8,032]".replace("032", " 32").as_str()),
        InvalidModel,
        &["shape"],
    );
    refused(
        "bert",
        replace(weights, "\"F32\"", "\"I32\""),
        UnsupportedModel,
        &["tensor", "not F32"],
    );
    let wide = config("hidden_size", json!(32));
    refused("bert", wide, InvalidModel, &["[64, 16]", "[64, 32]", "config.json"]);
    refused("bert", config("num_hidden_layers", json!(2)), InvalidModel, &["layer.1."]);
    // A layer that config.json does not have.
    let layers = config("num_hidden_layers", json!(1));
    refused("modernbert", layers, UnsupportedModel, &["model.layers.1."]);
    refused(
        "bert",
        replace(weights, "\"classifier.weight", "\"classifyer.weight"),
        UnsupportedModel,
        &["classifier.weight", "without its head"],
    );

    // Settings
    for (name, key, value) in [
        ("bert", "hidden_act", json!("mish")),
        ("bert", "position_embedding_type", json!("relative_key")),
        ("bert", "is_decoder", json!(true)),
        ("modernbert", "classifier_pooling", json!("max")),
        ("modernbert", "layer_types", json!(["linear", "linear", "linear", "linear"])),
        ("new", "rope_scaling", json!({"type": "yarn", "factor": 2.0})),
        ("new", "layer_norm_type", json!("rms_norm")),
        ("jina-bert", "feed_forward_type", json!("original")),
        ("deberta-v2", "share_att_key", json!(false)),
        ("deberta-v2", "pos_att_type", json!(["c2p"])),
        ("electra", "embedding_size", json!(8)),
    ] {
        refused(name, config(key, value), UnsupportedModel, &[key, "config.json"]);
    }
    refused(
        "bert",
        config("num_attention_heads", json!(0)),
        InvalidModel,
        &["num_attention_heads", "positive"],
    );
    refused(
        "bert",
        config("model_type", json!("albert")),
        UnsupportedModel,
        &["albert", "modernbert", "optimum-cli"],
    );
    let dense = "2_Dense/config.json";
    refused(
        "ettin",
        set(dense, "activation_function", json!("torch.nn.Mish")),
        UnsupportedModel,
        &[dense, "Mish"],
    );
    refused(
        "ettin",
        set(dense, "use_residual", json!(true)),
        UnsupportedModel,
        &[dense, "use_residual"],
    );
    refused(
        "ettin",
        set("1_Pooling/config.json", "pooling_mode", json!("max")),
        UnsupportedModel,
        &["max"],
    );
    let prompts = |folder: &Path| {
        set("config_sentence_transformers.json", "prompts", json!({"web": "Search: "}))(folder);
        set("config_sentence_transformers.json", "default_prompt_name", json!("web"))(folder);
    };
    refused("ettin", prompts, UnsupportedModel, &["Search: "]);
}

/// The published files of JinaBERT name a class of their own.
/// The header of a file says a shape, and where the tensor's bytes are.
#[test]
fn a_shape_has_as_many_numbers_as_the_bytes_of_its_tensor() {
    let rows = |rows: u64| {
        edited("bert", move |folder| {
            let path = folder.join("model.safetensors");
            let bytes = fs::read(&path).unwrap();
            let end = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
            let mut header: Value = serde_json::from_slice(&bytes[8..end]).unwrap();
            let entry = &mut header["bert.embeddings.position_embeddings.weight"];
            let known = entry["shape"][0].as_u64().unwrap();
            entry["shape"][0] = known.wrapping_add(rows).into();
            let header = header.to_string();
            let length = (header.len() as u64).to_le_bytes();
            let file = [&length[..], header.as_bytes(), &bytes[end..]].concat();
            fs::write(path, file).unwrap();
        })
    };
    assert!(rows(0).is_ok());
    for more in [u64::MAX, 1, 1 << 40, 1 << 62] {
        let error = rows(more).err().expect("it is refused");
        assert_eq!(error.kind(), ErrorKind::InvalidModel, "{error}");
    }
}

#[test]
fn the_name_of_the_class_does_not_decide_which_head_is_read() {
    let class = set("config.json", "architectures", serde_json::json!(["JinaBertForRanking"]));
    let found = logits("jina-bert", &edited("jina-bert", class).unwrap());
    assert_eq!(found, logits("jina-bert", &load(&files("jina-bert"), false)));
}

/// Models without a score are refused with what they have instead.
#[test]
fn models_of_other_kinds_are_refused_by_name() {
    use ErrorKind::UnsupportedModel;
    let labels = ["3 labels", "contradiction, entailment, neutral"];
    refused("bert-three-labels", |_| (), UnsupportedModel, &labels);
    let architecture = |class: &str, model_type: &str| {
        let (class, model_type) = (class.to_owned(), model_type.to_owned());
        move |folder: &Path| {
            set("config.json", "architectures", serde_json::json!([class]))(folder);
            set("config.json", "model_type", model_type.into())(folder);
        }
    };
    refused(
        "bert",
        architecture("Qwen3ForCausalLM", "qwen3"),
        UnsupportedModel,
        &["Qwen3ForCausalLM", "generates text", "gte-multilingual-reranker-base"],
    );
    refused(
        "bert",
        architecture("GemmaForCausalLM", "gemma"),
        UnsupportedModel,
        &["GemmaForCausalLM", "BAAI/bge-reranker-v2-m3"],
    );
    // The encoder of an embedder has no head.
    let embedder = edited("embedder-bert", |_| ()).err().unwrap();
    assert!(embedder.to_string().contains("crossrank embed"), "{embedder}");
}

/// Graphs are read before weights, unless they run on general operators or lack the head.
#[test]
fn which_file_of_a_folder_is_read() {
    let graph = crate::common::graph("torchscript-17").join("onnx/model.onnx");
    let with = |graph: &Path| {
        let graph = graph.to_owned();
        move |folder: &Path| fs::write(folder.join("model.onnx"), fs::read(graph).unwrap()).unwrap()
    };
    let temporary = temp_dir::TempDir::new().unwrap();
    let temporary = temporary.path();
    for name in ["config.json", "tokenizer.json", "model.safetensors"] {
        fs::copy(folder("bert").join(name), temporary.join(name)).unwrap();
    }
    let weights = fs::read(folder("bert").join("model.safetensors")).unwrap();
    assert!(ModelFiles::read(temporary).unwrap().onnx == weights);
    assert!(ModelFiles::read(temporary.join("model.safetensors")).unwrap().onnx == weights);
    with(&graph)(temporary);
    assert!(ModelFiles::read(temporary).unwrap().onnx == fs::read(&graph).unwrap());
    let named = format!("{}:model.safetensors", temporary.display());
    assert!(ModelFiles::read(named).unwrap().onnx == weights);
    let silu = crate::common::graph("other-silu").join("onnx/model.onnx");
    with(&silu)(temporary);
    assert!(ModelFiles::read(temporary).unwrap().onnx == weights);
}
