//! Vectors: against those of ONNX Runtime (`data/embedding-golden.json`), their bits, and the files
//! that say how they are made.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::common::{Random, root};
use crossrank::{
    EmbedOptions, Embedder, EmbedderOptions, Embedding, ErrorKind, ModelFiles, TextKind, Truncation,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    texts: Vec<GoldenText>,
}

#[derive(Deserialize)]
struct GoldenText {
    text: String,
    input_ids: Vec<u32>,
    fp32: Vec<f32>,
    cosine_int8_onnxruntime: f32,
}

fn golden() -> Vec<GoldenText> {
    let text = std::fs::read_to_string(root().join("tests/data/embedding-golden.json")).unwrap();
    serde_json::from_str::<Golden>(&text).unwrap().texts
}

fn texts() -> Vec<String> {
    golden().into_iter().map(|golden| golden.text).collect()
}

fn embedder() -> &'static Embedder {
    static EMBEDDER: OnceLock<Embedder> = OnceLock::new();
    EMBEDDER.get_or_init(|| Embedder::bundled().expect("the bundled embedder loads"))
}

fn files() -> ModelFiles {
    ModelFiles::bundled_embedder().expect("the source tree holds the model")
}

/// The model as an int8 graph in the Hugging Face layout.
fn int8_files() -> ModelFiles {
    ModelFiles::read(root().join("benches/model/all-minilm-l6-v2")).unwrap()
}

fn load(files: &ModelFiles, edit: impl FnOnce(&mut EmbedderOptions)) -> Embedder {
    let mut options = EmbedderOptions::default();
    edit(&mut options);
    Embedder::from_files(files, options).unwrap()
}

/// The bundled model with other files that say how vectors are made.
fn with(settings: &[(&str, &str)]) -> ModelFiles {
    let owned = |&(name, json): &(&str, &str)| (name.to_owned(), json.as_bytes().to_vec().into());
    ModelFiles { embedding: settings.iter().map(owned).collect(), ..files() }
}

fn bits(vector: &[f32]) -> Vec<u32> {
    vector.iter().map(|x| x.to_bits()).collect()
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

#[test]
fn vectors_are_as_close_to_fp32_as_onnx_runtimes_int8() {
    let golden = golden();
    assert_eq!(golden.len(), 32);
    for golden in &golden {
        let encoding = embedder().encode(&golden.text, TextKind::Document, Truncation::Never);
        assert_eq!(encoding.unwrap().ids, golden.input_ids, "{}", golden.text);
    }
    let summary = |cosines: &mut dyn Iterator<Item = f32>| {
        let cosines: Vec<f32> = cosines.collect();
        let mean = cosines.iter().sum::<f32>() / cosines.len() as f32;
        (cosines.into_iter().fold(1.0, f32::min), mean)
    };
    let ours = |embedder: &Embedder| {
        let vectors = embedder.embed(&texts()).unwrap();
        for vector in &vectors {
            assert_eq!(vector.len(), embedder.dimensions());
            assert!((dot(vector, vector) - 1.0).abs() < 1e-5);
        }
        summary(&mut vectors.iter().zip(&golden).map(|(vector, text)| cosine(vector, &text.fp32)))
    };
    let (int8, bundled) = (ours(&load(&int8_files(), |_| ())), ours(embedder()));
    let onnx_runtime = summary(&mut golden.iter().map(|text| text.cosine_int8_onnxruntime));
    println!("cosine with the fp32 vector, minimum and mean");
    println!("crossrank int8    {:.4} {:.4}", int8.0, int8.1);
    println!("crossrank bundled {:.4} {:.4}", bundled.0, bundled.1);
    println!("ONNX Runtime int8 {:.4} {:.4}", onnx_runtime.0, onnx_runtime.1);
    assert!(int8.0 > 0.99 && int8.0 >= onnx_runtime.0 && int8.1 >= onnx_runtime.1);
    assert!(bundled.0 > 0.985 && bundled.1 >= 0.996);
}

/// `data/embedding-bits.json` contains the fingerprint, and a hash of the vector of each golden text.
/// The JavaScript tests compare Node.js and browsers with it.
/// `CROSSRANK_UPDATE=1 cargo test --release --features bundled-embedder --test scoring embedder` writes
/// it.
#[test]
fn golden_texts_have_golden_bits() {
    let vectors = embedder().embed(&texts()).unwrap();
    let hashes: Vec<u32> = vectors.iter().map(|vector| hash(vector)).collect();
    let found = serde_json::json!({ "fingerprint": embedder().fingerprint(), "hashes": hashes });
    let path = root().join("tests/data/embedding-bits.json");
    if std::env::var_os("CROSSRANK_UPDATE").is_some() {
        std::fs::write(&path, found.to_string() + "\n").unwrap();
    }
    let expected: serde_json::Value =
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert_eq!(found, expected);
}

/// FNV-1a of the bits of the elements, one word at a time.
fn hash(vector: &[f32]) -> u32 {
    vector.iter().fold(0x811c_9dc5, |hash, x| (hash ^ x.to_bits()).wrapping_mul(0x0100_0193))
}

#[test]
fn batches_threads_and_steps_change_no_bit() {
    let texts = texts();
    let alone: Vec<Vec<u32>> =
        texts.iter().map(|text| bits(&embedder().embed(&[text]).unwrap()[0])).collect();
    let threaded = [1, 2, 3].map(|n| load(&files(), |options| options.threads = Some(n)));
    let mut random = Random(20_251_123);
    for batch in 0..60 {
        let members: Vec<usize> =
            (0..1 + random.below(12)).map(|_| random.below(texts.len())).collect();
        let chosen: Vec<&String> = members.iter().map(|&i| &texts[i]).collect();
        let vectors = threaded[batch % threaded.len()].embed(&chosen).unwrap();
        for (vector, &member) in vectors.iter().zip(&members) {
            assert_eq!(bits(vector), alone[member], "batch {batch}: {members:?}");
        }
    }

    let mut embeddings = embedder().start(texts.clone(), &EmbedOptions::default());
    let mut found: Vec<(usize, Embedding)> = Vec::new();
    let mut steps = 0;
    while !embeddings.is_done() {
        found.extend(embeddings.step(embedder()).unwrap());
        steps += 1;
    }
    assert!(steps > 20, "{steps} steps are not small pieces");
    for (i, (position, embedding)) in found.iter().enumerate() {
        assert_eq!((*position, bits(&embedding.vector)), (i, alone[i].clone()));
    }
    assert_eq!(found.len(), texts.len());
}

#[test]
fn a_text_has_as_many_tokens_as_the_model_reads() {
    for tokens in [255, 256, 257] {
        // Two tokens are special ones.
        let text = "river ".repeat(tokens - 2);
        let encode = |truncation| embedder().encode(&text, TextKind::Document, truncation);
        let cut = encode(Truncation::Right).unwrap();
        assert_eq!((cut.ids.len(), cut.document_truncated), (tokens.min(256), tokens > 256));
        let error = encode(Truncation::Never).err().map(|error| error.to_string());
        let says =
            error.is_some_and(|e| e.contains(&format!("{tokens} tokens, over the limit of 256;")));
        assert_eq!(says, tokens > 256);
    }
}

#[test]
fn long_texts_are_cut_as_requested() {
    let long = "river ".repeat(400);
    assert_eq!(embedder().max_length(), 256);
    let encode = |truncation| embedder().encode(&long, TextKind::Document, truncation);
    let right = encode(Truncation::Right).unwrap();
    assert_eq!((right.ids.len(), right.document_truncated), (256, true));
    assert_eq!((right.ids[0], right.ids[255]), (101, 102));
    assert_eq!(encode(Truncation::Never).unwrap_err().kind(), ErrorKind::InputTooLarge);

    let mut options = EmbedOptions::default();
    let embeddings = embedder().embed_with(&["short", &long], &options).unwrap();
    let found: Vec<_> = embeddings.iter().map(|e| (e.tokens, e.truncated)).collect();
    assert_eq!(found, [(3, false), (256, true)]);
    options.truncation = Truncation::Never;
    let error = embedder().embed_with(&["short", &long], &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InputTooLarge);
    assert!(error.to_string().starts_with("text 1: "), "{error}");

    let mut steps = embedder().start(vec!["short".into(), long.clone()], &options);
    let error = steps.step(embedder()).unwrap_err();
    assert_eq!((error.kind(), steps.position()), (ErrorKind::InputTooLarge, Some(1)));
    assert!(steps.is_done());

    let huge = "a".repeat(crossrank::MAX_TEXT_BYTES + 1);
    assert_eq!(embedder().embed(&[huge]).unwrap_err().kind(), ErrorKind::InputTooLarge);
    let longer = load(&files(), |options| options.max_length = Some(512));
    let ids = longer.encode(&long, TextKind::Document, Truncation::Never).unwrap().ids;
    assert_eq!((longer.max_length(), ids.len()), (512, 402));
    for wrong in [0, 2, 513] {
        let mut options = EmbedderOptions::default();
        options.max_length = Some(wrong);
        let error = Embedder::from_files(&files(), options).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{wrong}");
    }
}

#[test]
fn an_empty_text_has_a_vector_and_an_empty_list_has_none() {
    assert!(embedder().embed::<&str>(&[]).unwrap().is_empty());
    let vector = &embedder().embed(&[""]).unwrap()[0];
    assert!((dot(vector, vector) - 1.0).abs() < 1e-6);
    assert!(embedder().start(Vec::new(), &EmbedOptions::default()).is_done());
}

const MODULES: &str = r#"[
    {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
    {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"}
]"#;
const MEAN: &str = r#"{"word_embedding_dimension": 384, "pooling_mode_cls_token": false,
    "pooling_mode_mean_tokens": true, "pooling_mode_max_tokens": false}"#;
const CLS: &str = r#"{"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false}"#;

/// A folder in the layout of sentence-transformers gives the same vectors as `pooling.json`.
#[test]
fn folders_of_sentence_transformers_are_loaded() {
    let texts = ["Milvus is a vector database.", "a river in winter"];
    let graph = int8_files();
    let own = load(&graph, |_| ());
    let expected = own.embed(&texts).unwrap();
    let folder = temp_dir::TempDir::new().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    };
    let ModelFiles { onnx, tokenizer, config, .. } = graph;
    write("onnx/model_quantized.onnx", &onnx);
    write("tokenizer.json", &tokenizer);
    write("config.json", &config);
    write("modules.json", MODULES.as_bytes());
    write("1_Pooling/config.json", MEAN.as_bytes());
    write("sentence_bert_config.json", br#"{"max_seq_length": 256, "do_lower_case": false}"#);
    let read = Embedder::load(folder.path()).unwrap();
    assert_eq!(read.embed(&texts).unwrap(), expected);
    assert_eq!((read.max_length(), read.normalizes()), (256, true));
    assert_eq!(read.fingerprint(), own.fingerprint());
}

#[test]
fn pooling_and_normalization_follow_the_files() {
    let text = ["Milvus is a vector database."];
    let unit = &embedder().embed(&text).unwrap()[0];
    let length = |vector: &[f32]| dot(vector, vector).sqrt();
    let raw =
        load(&with(&[("pooling.json", r#"{"pooling": "mean", "normalize": false}"#)]), |_| ());
    let vector = &raw.embed(&text).unwrap()[0];
    assert!((length(vector) - 1.0).abs() > 0.1 && cosine(vector, unit) > 0.999_999);
    let mut options = EmbedOptions::default();
    options.normalize = Some(true);
    assert_eq!(bits(&raw.embed_with(&text, &options).unwrap()[0].vector), bits(unit));
    options.normalize = Some(false);
    assert_eq!(embedder().embed_with(&text, &options).unwrap()[0].vector, *vector);

    let first = load(&with(&[("pooling.json", r#"{"pooling": "cls"}"#)]), |_| ());
    let vector = &first.embed(&text).unwrap()[0];
    assert!((length(vector) - 1.0).abs() < 1e-6 && cosine(vector, unit) < 0.99);
    let modules = [("modules.json", MODULES), ("1_Pooling/config.json", CLS)];
    assert_eq!(load(&with(&modules), |_| ()).embed(&text).unwrap()[0], *vector);
    let named = [modules[0], ("1_Pooling/config.json", r#"{"pooling_mode": "cls"}"#)];
    assert_eq!(load(&with(&named), |_| ()).embed(&text).unwrap()[0], *vector);
}

#[test]
fn texts_are_prefixed() {
    let prompts = r#"{"prompts": {"query": "query: ", "passage": "passage: "}}"#;
    let files = with(&[
        ("modules.json", MODULES),
        ("1_Pooling/config.json", MEAN),
        ("config_sentence_transformers.json", prompts),
    ]);
    let pooling_json =
        r#"{"pooling": "mean", "prompts": {"query": "query: ", "document": "passage: "}}"#;
    let plain = || with(&[("pooling.json", r#"{"pooling": "mean"}"#)]);
    let (river, query, passage) = ("a river", "query: a river", "passage: a river");
    let expected = embedder().embed(&[query, passage, river]).unwrap();
    for embedder in [
        load(&files, |_| ()),
        load(&with(&[("pooling.json", pooling_json)]), |_| ()),
        load(&plain(), |options| {
            options.query_prefix = Some("query: ".into());
            options.document_prefix = Some("passage: ".into());
        }),
    ] {
        assert_eq!(embedder.embed_query(river).unwrap(), expected[0]);
        assert_eq!(embedder.embed(&[river]).unwrap()[0], expected[1]);
    }
    let bare = load(&files, |options| options.query_prefix = Some(String::new()));
    assert_eq!(bare.embed_query(river).unwrap(), expected[2]);
    assert_eq!(embedder().embed_query(river).unwrap(), expected[2]);
}

#[test]
fn models_that_give_no_vectors_are_refused() {
    let refused = |settings: &[(&str, &str)], kind, says: &str| {
        let error = Embedder::from_files(&with(settings), EmbedderOptions::default());
        let error = error.err().unwrap_or_else(|| panic!("{settings:?} loads"));
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(says), "{error}");
    };
    let unsupported = ErrorKind::UnsupportedModel;
    refused(&[], unsupported, "pooling.json");
    refused(&[("pooling.json", r#"{"pooling": "max"}"#)], unsupported, "max");
    refused(&[("pooling.json", "{}")], ErrorKind::InvalidModel, "pooling.json");
    let pooling = "1_Pooling/config.json";
    let dense = MODULES.replace("Normalize", "Dense");
    refused(&[("modules.json", &dense), (pooling, MEAN)], unsupported, "Dense");
    refused(&[("modules.json", MODULES)], ErrorKind::InvalidModel, pooling);
    refused(&[("modules.json", "[]")], unsupported, "no pooling");
    let both = r#"{"pooling_mode_cls_token": true, "pooling_mode_max_tokens": true}"#;
    refused(&[("modules.json", MODULES), (pooling, both)], unsupported, "max_tokens");
    refused(&[("modules.json", MODULES), (pooling, "{}")], unsupported, "no mode");
    let lower = ("sentence_bert_config.json", r#"{"do_lower_case": true}"#);
    refused(&[("modules.json", MODULES), (pooling, MEAN), lower], unsupported, "lower case");
    let outside = r#"{"pooling_mode_mean_tokens": true, "include_prompt": false}"#;
    let prompts = ("config_sentence_transformers.json", r#"{"prompts": {"query": "find "}}"#);
    refused(&[("modules.json", MODULES), (pooling, outside), prompts], unsupported, "prompt");

    // The graph of a reranker gives logits.
    let reranker = ModelFiles { embedding: files().embedding, ..crate::common::bundled_files() };
    let error = Embedder::from_files(&reranker, EmbedderOptions::default()).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::UnsupportedModel, "{error}");
}

#[test]
fn a_fingerprint_depends_on_the_model_and_its_settings() {
    let fingerprint = |files: &ModelFiles, edit: fn(&mut EmbedderOptions)| {
        load(files, edit).fingerprint().to_owned()
    };
    let bundled = fingerprint(&files(), |_| ());
    assert_eq!(bundled.len(), 64);
    assert_eq!(fingerprint(&files(), |options| options.threads = Some(1)), bundled);
    let others = [
        fingerprint(&with(&[("pooling.json", r#"{"pooling": "cls"}"#)]), |_| ()),
        fingerprint(&files(), |options| options.max_length = Some(128)),
        fingerprint(&files(), |options| options.query_prefix = Some("query: ".into())),
        fingerprint(&files(), |options| options.fingerprint = Some("another".into())),
    ];
    for (i, other) in others.iter().enumerate() {
        assert!(*other != bundled && !others[..i].contains(other), "{i}");
    }
}

#[test]
fn progress_is_reported_and_a_cancelled_call_ends() {
    let texts = texts();
    let max_done = AtomicUsize::new(0);
    let progress = |done| {
        max_done.fetch_max(done, Ordering::Relaxed);
    };
    let mut options = EmbedOptions::default();
    options.progress = Some(&progress);
    embedder().embed_with(&texts, &options).unwrap();
    assert_eq!(max_done.load(Ordering::Relaxed), texts.len());

    let begun = AtomicBool::new(false);
    let cancelled = || begun.swap(true, Ordering::Relaxed);
    let mut options = EmbedOptions::default();
    options.cancelled = Some(&cancelled);
    let error = embedder().embed_with(&texts, &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
}
