//! Quantization of float weights to int8: as accurate as ONNX Runtime's, with clear errors.

use std::io::Cursor;

use crate::common::{GraphCase, graph, graph_cases, root};
use crossrank::{
    Bits, Embedder, EmbedderOptions, ErrorKind, LoadOptions, ModelFiles, QuantizeOptions,
    Quantized, Reranker, SAMPLE,
};

fn quantize(files: &ModelFiles, bits: Bits, sample: &[(&str, &str)]) -> (Quantized, Vec<u8>) {
    let mut file = Cursor::new(Vec::new());
    let quantized = files.quantize_to(bits, sample, &mut file).unwrap();
    (quantized, file.into_inner())
}

fn load(files: &ModelFiles) -> Reranker {
    Reranker::from_files(files, LoadOptions::default()).unwrap()
}

/// The mean and the maximum of distances.
fn summary(distances: impl Iterator<Item = f32>) -> (f32, f32) {
    let distances: Vec<f32> = distances.collect();
    (
        distances.iter().sum::<f32>() / distances.len() as f32,
        distances.into_iter().fold(0.0, f32::max),
    )
}

/// The floats are the logits of torch in f32, with the same weights.
#[test]
fn logits_are_no_further_from_floats_than_those_of_onnx_runtime() {
    for (floats, theirs) in [
        ("torchscript-14", "int8-channel-reduced"),
        ("dynamo-20", "int8-channel-reduced"),
        ("torchscript-17", "int8-tensor"),
        ("torchscript-17", "uint8-channel"),
        ("external-f32", "int8-tensor"),
    ] {
        let theirs = graph_cases(theirs);
        let files = ModelFiles::read(graph(floats)).unwrap();
        let of_theirs = summary(theirs.iter().map(|c| (c.logits.ort_none - c.logits.torch).abs()));
        let ours = |bits| {
            let (_, file) = quantize(&files, bits, &SAMPLE);
            let reranker = load(&ModelFiles::from_prepared(file).unwrap());
            let distance = |case: &GraphCase| {
                let logit = reranker.score(&[(&case.query, &case.document)]).unwrap()[0].logit;
                (logit - case.logits.torch).abs()
            };
            summary(theirs.iter().map(distance))
        };
        let (eight, seven) = (ours(Bits::Eight), ours(Bits::Seven));
        eprintln!("{floats}: {eight:?}, in 7 bits {seven:?}, ONNX Runtime's {of_theirs:?}");
        assert!(eight.0 <= of_theirs.0 && eight.1 <= of_theirs.1, "{floats}: {eight:?}");
        // In such a small model, the result depends on the chance of a few roundings.
        assert!(seven.0 < 0.2, "{floats}: {seven:?}");
    }
}

/// Floats of 16 bits, external or transposed floats, and those of a prepared model.
#[test]
fn the_error_is_reported_for_every_kind_of_floats() {
    for name in ["torchscript-18-tf5", "external-f32", "dynamo-20", "other-half"] {
        let files = ModelFiles::read(graph(name)).unwrap();
        let (quantized, file) = quantize(&files, Bits::Seven, &SAMPLE);
        let quantized_model = load(&ModelFiles::from_prepared(file.clone()).unwrap());
        let logits = |reranker: &Reranker| reranker.score(&SAMPLE).unwrap();
        let pairs = logits(&load(&files)).into_iter().zip(logits(&quantized_model));
        let (mean, largest) = summary(pairs.map(|(a, b)| (a.logit - b.logit).abs()));
        assert_eq!((quantized.pairs, quantized.largest), (SAMPLE.len(), largest), "{name}");
        assert!((quantized.mean - mean).abs() < 1e-6, "{name}: {mean}, {quantized:?}");
        assert!(quantized.mean > 0.0 && largest < 0.5, "{name}: {quantized:?}");

        let prepared = ModelFiles::from_prepared(files.prepare().unwrap()).unwrap();
        assert!(quantize(&prepared, Bits::Seven, &SAMPLE).1 == file, "{name}: prepared before");
        let plain = quantize(&files, Bits::Seven, &SAMPLE[..1]);
        assert!(
            plain.1 == file && plain.0.pairs == 1,
            "{name}: the sample changes only the report"
        );
    }
}

/// Fewer bits make smaller files and larger errors. They are unpacked to int8, so a packed model that is
/// prepared again is the same, and so are its logits.
#[test]
fn fewer_bits_are_smaller_and_less_exact() {
    let files = ModelFiles::read(graph("torchscript-14")).unwrap();
    let of = |bits, table_bits| {
        let mut options = QuantizeOptions::from(bits);
        options.table_bits = table_bits;
        let mut file = Cursor::new(Vec::new());
        let quantized = files.quantize_to(options, &SAMPLE, &mut file).unwrap();
        (quantized, file.into_inner())
    };
    let (eight, whole) = of(Bits::Eight, None);
    assert_eq!(eight.pairs, SAMPLE.len());
    let mut larger = whole.len();
    for bits in [Bits::Six, Bits::Five, Bits::Four] {
        let (quantized, file) = of(bits, None);
        assert!(file.len() < larger, "{bits:?}: {} bytes", file.len());
        larger = file.len();
        assert_eq!(quantized.pairs, SAMPLE.len() / 4, "the others have determined the weights");
        assert!(quantized.mean < 0.5, "{bits:?}: {quantized:?}");

        let packed = ModelFiles::from_prepared(file.clone()).unwrap();
        assert!(packed.prepare().unwrap() == file, "{bits:?}: prepared again");
        let error = packed.quantize_to(bits, &SAMPLE, Cursor::new(Vec::new())).unwrap_err();
        assert!(error.to_string().contains("already"), "{error}");
        let logits = |reranker: &Reranker| -> Vec<u32> {
            let scores = reranker.score(&SAMPLE).unwrap();
            scores.iter().map(|score| score.logit.to_bits()).collect()
        };
        assert_ne!(logits(&load(&packed)), logits(&load(&files)), "{bits:?}");
    }
    let (table, file) = of(Bits::Eight, Some(Bits::Three));
    assert!(file.len() < whole.len() && table.pairs == SAMPLE.len() && table.mean > eight.mean);
    let error = files.quantize_to(Bits::Three, &SAMPLE, Cursor::new(Vec::new())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
}

#[test]
fn an_embedder_is_compared_by_its_vectors() {
    let path = root().join("tests/data/embedders/bert/onnx/model.onnx");
    let mut files = ModelFiles::read(path).unwrap();
    // Whole vectors are compared, also those of a model that truncates them.
    files.embedding.remove("config_sentence_transformers.json").unwrap();

    let (quantized, file) = quantize(&files, Bits::Seven, &SAMPLE);
    assert!(quantized.largest < 0.01 && quantized.mean > 0.0, "{quantized:?}");
    let vector = |files: &ModelFiles| {
        let embedder = Embedder::from_files(files, EmbedderOptions::default()).unwrap();
        embedder.embed(&[SAMPLE[0].1]).unwrap().remove(0)
    };
    let (a, b) = (vector(&files), vector(&ModelFiles::from_prepared(file).unwrap()));
    let cosine: f32 = a.iter().zip(&b).map(|(a, b)| a * b).sum();
    let (one, _) = quantize(&files, Bits::Seven, &SAMPLE[..1]);
    assert!((1.0 - cosine - one.largest).abs() < 1e-5, "{cosine}, {one:?}");
}

#[test]
fn models_that_are_int8_or_not_recognized_are_refused() {
    let refused = |files: &ModelFiles| {
        let error = files.quantize_to(Bits::Seven, &SAMPLE, Cursor::new(Vec::new())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnsupportedModel, "{error}");
        error.to_string()
    };
    let int8 = ModelFiles::read(graph("int8-tensor")).unwrap();
    assert!(refused(&int8).contains("already"));
    let prepared = ModelFiles::from_prepared(int8.prepare().unwrap()).unwrap();
    assert!(refused(&prepared).contains("already"));
    refused(&ModelFiles::read(graph("other-mean-pooled")).unwrap());
}

#[test]
fn weights_that_are_not_finite_are_refused() {
    let whole = ModelFiles::read(graph("external-f32")).unwrap();
    let data = &whole.external["model.onnx_data"];
    // In the token embeddings, and in the last matrix.
    for offset in [0, data.len() - 4] {
        let mut bytes = data.to_vec();
        bytes[offset..offset + 4].copy_from_slice(&f32::NAN.to_le_bytes());
        let files = ModelFiles {
            external: [("model.onnx_data".to_owned(), bytes.into())].into(),
            ..whole.clone()
        };
        let error = files.quantize_to(Bits::Seven, &SAMPLE, Cursor::new(Vec::new())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidModel, "{error}");
    }
}
