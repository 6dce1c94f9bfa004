//! Prepared models: they give the scores of the folder, and damaged files give clear errors.

use std::fs;
use std::sync::OnceLock;

use crate::common::{Random, golden, int8_files, root, truncate};
use crossrank::{Embedder, EmbedderOptions, Error, ErrorKind, LoadOptions, ModelFiles, Reranker};
use serde::Deserialize;
use serde_json::Value;

fn prepared() -> &'static [u8] {
    static PREPARED: OnceLock<Vec<u8>> = OnceLock::new();
    PREPARED.get_or_init(|| int8_files().prepare().unwrap())
}

fn load(file: &[u8]) -> Result<Reranker, Error> {
    let files = ModelFiles::from_prepared(file.to_vec())?;
    Reranker::from_owned_files(files, LoadOptions::default())
}

fn refused(file: &[u8]) -> String {
    let error = load(file).err().expect("the file is refused");
    assert_eq!(error.kind(), ErrorKind::InvalidModel, "{error}");
    error.to_string()
}

#[test]
fn scores_have_the_bits_of_the_folder() {
    let golden = golden();
    let pairs: Vec<_> = golden.pairs.iter().map(|p| (&p.query, &p.passage)).collect();
    let bits = |reranker: &Reranker| -> Vec<u32> {
        let scores = reranker.score_with(&pairs, &truncate()).unwrap();
        scores.iter().map(|score| score.logit.to_bits()).collect()
    };
    let folder = temp_dir::TempDir::new().unwrap();
    let path = folder.path().join("model.crossrank");
    fs::write(&path, prepared()).unwrap();
    let loaded = Reranker::load(&path).unwrap();
    let graph = Reranker::from_files(&int8_files(), LoadOptions::default()).unwrap();
    assert_eq!(bits(&loaded), bits(&graph));
    assert_eq!(loaded.long_documents(), graph.long_documents());
    let in_folder = ModelFiles::read(folder.path()).unwrap();
    assert_eq!(in_folder.onnx, prepared(), "a folder may hold it");
}

#[test]
fn an_embedder_gives_the_vectors_of_the_folder() {
    let files = ModelFiles::read(root().join("benches/model/all-minilm-l6-v2")).unwrap();
    let load =
        |files: &ModelFiles| Embedder::from_files(files, EmbedderOptions::default()).unwrap();
    let prepared = ModelFiles::from_prepared(files.prepare().unwrap()).unwrap();
    let texts = ["a vector database", "", "bananas are rich in potassium"];
    let vectors = |files| load(files).embed(&texts).unwrap();
    assert_eq!(vectors(&prepared), vectors(&files));
}

/// Compares every recognized graph, with weights of all kinds, with its prepared model.
#[test]
fn every_recognized_graph_can_be_prepared() {
    let mut count = 0;
    for entry in fs::read_dir(root().join("tests/data/graphs")).unwrap() {
        let path = entry.unwrap().path();
        let files = ModelFiles::read(&path).unwrap();
        let graph = match Reranker::from_files(&files, LoadOptions::default()) {
            Ok(graph) if graph.kernel().is_some() => graph,
            _ => {
                let error = files.prepare().unwrap_err();
                assert_eq!(
                    error.kind(),
                    ErrorKind::UnsupportedModel,
                    "{}: {error}",
                    path.display()
                );
                continue;
            }
        };
        let loaded = load(&files.prepare().unwrap()).unwrap();
        for pair in [("what is it", "this and that"), ("", "a"), ("b", ""), ("a <pad>", "b")] {
            let logit = |reranker: &Reranker| reranker.score(&[pair]).unwrap()[0].logit.to_bits();
            assert_eq!(logit(&loaded), logit(&graph), "{}", path.display());
        }
        count += 1;
    }
    assert!(count >= 40, "{count} graphs were prepared");
}

/// The file follows the specification of safetensors, and all numbers are aligned.
#[test]
fn the_file_is_laid_out_as_safetensors() {
    #[derive(Deserialize)]
    struct Entry {
        dtype: String,
        shape: Vec<usize>,
        data_offsets: [usize; 2],
    }
    let (length, rest) = prepared().split_first_chunk().unwrap();
    let (header, data) = rest.split_at(u64::from_le_bytes(*length) as usize);
    let mut header: serde_json::Map<String, Value> = serde_json::from_slice(header).unwrap();
    assert!(header.remove("__metadata__").unwrap().as_object().unwrap()["sha256"].is_string());
    let entry = |entry: &Value| -> Entry { serde_json::from_value(entry.clone()).unwrap() };
    let mut entries: Vec<Entry> = header.values().map(entry).collect();
    entries.sort_by_key(|entry| entry.data_offsets);
    let mut end = 0;
    for Entry { dtype, shape, data_offsets: [start, next] } in entries {
        let size = if matches!(dtype.as_str(), "F32" | "I32") { 4 } else { 1 };
        assert_eq!(start, end, "there are no gaps");
        assert_eq!(next - start, size * shape.iter().product::<usize>());
        assert!((prepared().len() - data.len() + start).is_multiple_of(size));
        end = next;
    }
    assert_eq!(end, data.len());
    let Entry { data_offsets: [start, end], .. } = entry(&header["config.json"]);
    assert_eq!(data[start..end], *int8_files().config);
    let Entry { data_offsets: [start, end], .. } = entry(&header["tokenizer.compact"]);
    assert!(end - start < int8_files().tokenizer.len() / 2);
    let words = entry(&header["embeddings.words.weight"]);
    assert_eq!((words.dtype.as_str(), &words.shape[..]), ("I8", &[30522, 384][..]));
}

#[test]
fn a_file_that_is_truncated_or_not_a_prepared_model() {
    let whole = prepared();
    for length in [150, 4_000, whole.len() / 2, whole.len() - 1] {
        assert!(refused(&whole[..length]).contains("damaged"), "the first {length} bytes");
    }
    assert!(refused(&[whole, b"x"].concat()).contains("damaged"));
    for bytes in [b"{}", &whole[..20], &int8_files().onnx[..1000]] {
        assert!(refused(bytes).contains("not a prepared model"));
    }
}

#[test]
fn a_file_of_another_version() {
    let mut file = prepared().to_vec();
    let offset = file.windows(14).position(|part| part == b"\"crossrank\":\"2").unwrap();
    file[offset + 13] = b'1';
    let message = refused(&file);
    assert!(message.contains("version 1") && message.contains("prepare it again"), "{message}");
}

/// The hash detects every change. Without the hash, a wrong header gives an error too, or a model that
/// runs.
#[test]
fn mutated_files() {
    let folder = root().join("tests/data/graphs/int8-tensor");
    let files = ModelFiles::read(folder).unwrap();
    let whole = files.prepare().unwrap();
    let header = u64::from_le_bytes(*whole.first_chunk().unwrap()) as usize;
    let mut random = Random(11);
    let mut loaded = 0;
    for round in 0..400 {
        let mut file = whole.clone();
        for _ in 0..1 + random.below(3) {
            let at = random.below(if round % 2 == 0 { file.len() } else { 8 + header });
            file[at] = file[at].wrapping_add(1 + random.below(255) as u8);
        }
        refused(&file);
        let unchecked = ModelFiles { onnx: file.into(), ..files.clone() };
        match Reranker::from_owned_files(unchecked, LoadOptions::default()) {
            Ok(reranker) => {
                drop(reranker.score(&[("what is it", "this and that")]));
                loaded += 1;
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::InvalidModel, "{error}"),
        }
    }
    assert!(loaded < 300, "{loaded} mutations load without the hash");
}
