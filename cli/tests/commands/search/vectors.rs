//! Searches by vectors and by both, and fused scores.

use super::*;

#[test]
fn vectors_are_the_embedders_and_hybrid_is_the_fusion_of_both() {
    let texts = [
        "A vector database stores embeddings and finds the nearest ones.",
        "The cat sat on the mat, and slept.",
        "Relational databases keep rows in tables.",
        "A kitten is a young feline.",
        "Snow is cold, and so is the database of snow.",
    ];
    let library = Library::new(&[]);
    for (i, text) in texts.iter().enumerate() {
        library.write(&format!("{i}.txt"), text, 60);
    }
    library.update_with(&[]);
    let query = "young cat embeddings";
    let by = |mode: &str| library.search(query, &["--no-rerank", "--mode", mode]);

    let embedder = crossrank::Embedder::bundled().unwrap();
    let of_query = embedder.embed_query(query).unwrap();
    let vectors = embedder.embed(&texts).unwrap();
    let cosine = |v: &Vec<f32>| v.iter().zip(&of_query).map(|(a, b)| a * b).sum::<f32>();
    let mut expected: Vec<(&str, f32)> =
        texts.iter().copied().zip(vectors.iter().map(cosine)).collect();
    expected.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    let found = by("vector");
    for ((text, score), (passage, cosine)) in scores(&found).iter().zip(&expected) {
        assert_eq!(text, passage);
        assert!((score - f64::from(*cosine)).abs() < 1e-5, "{score} for {cosine}");
    }
    assert_eq!(found.len(), texts.len());

    let words = by("text");
    let ranks = |list: &[Value], text: &str| -> f64 {
        let place = scores(list).iter().position(|(passage, _)| *passage == text);
        place.map_or(0.0, |place| 1.0 / (61 + place) as f64)
    };
    let hybrid = library.search(query, &["--no-rerank"]);
    assert_eq!(hybrid.len(), texts.len());
    assert!(words.len() < texts.len());
    for (text, score) in scores(&hybrid) {
        assert!((score - ranks(&words, text) - ranks(&found, text)).abs() < 1e-12, "{text}");
    }
    let order: Vec<f64> = scores(&hybrid).iter().map(|(_, score)| *score).collect();
    assert!(order.is_sorted_by(|a, b| a >= b));

    // The vectors of changed files change, and those of deleted files are removed.
    library.write("1.txt", "A young cat, and no database.", 50);
    fs::remove_file(library.path("3.txt")).unwrap();
    library.update_with(&[]);
    let found = by("vector");
    assert_eq!(found.len(), 4);
    assert_eq!(scores(&found)[0].0, "A young cat, and no database.");
}

/// Also for passages that only the words find. Equal passages keep the order of the index.
#[test]
fn cosines_are_those_of_every_passage() {
    let words = ["river", "bank", "kitten", "database", "snow", "vector"];
    let mut random = Random(5);
    let texts: Vec<String> = (0..80)
        .map(|i| {
            let text: Vec<&str> = (0..4 + i % 5).map(|_| words[random.below(6)]).collect();
            text.join(" ")
        })
        .chain(["snow on the river".to_owned(), "snow on the river".to_owned()])
        .collect();
    let record = |(i, text): (usize, &String)| json!({ "_id": i.to_string(), "text": text });
    let lines: Vec<String> = texts.iter().enumerate().map(|d| record(d).to_string()).collect();
    let library = Library::new(&[("corpus.jsonl", &lines.join("\n"))]);
    library.update_with(&[]);

    let query = "cold weather by the bank";
    let embedder = crossrank::Embedder::bundled().unwrap();
    let of_query = embedder.embed_query(query).unwrap();
    let vectors = embedder.embed(&texts).unwrap();
    let cosine = |v: &Vec<f32>| v.iter().zip(&of_query).map(|(a, b)| f64::from(a * b)).sum::<f64>();
    let cosines: Vec<f64> = vectors.iter().map(cosine).collect();
    let place = |result: &Value| result["id"].as_str().unwrap().parse::<usize>().unwrap();

    let by = |mode: &str, recall: &str| -> Vec<Value> {
        let more = ["--no-rerank", "--mode", mode, "--recall", recall, "--top-k", "100"];
        let found = library.search(query, &more);
        for result in found.iter().filter(|_| mode != "text") {
            let (score, expected) =
                (result["vectorScore"].as_f64().unwrap(), cosines[place(result)]);
            assert!((score - expected).abs() < 1e-5, "{score} for {expected}");
        }
        found
    };
    let places = |found: &[Value]| -> Vec<usize> { found.iter().map(place).collect() };
    let all = places(&by("vector", "100"));
    assert_eq!(all.len(), texts.len());
    assert!(all.is_sorted_by(|&a, &b| cosines[a] > cosines[b] - 1e-6));
    let of_equals: Vec<usize> = all.iter().copied().filter(|&place| place >= 80).collect();
    assert_eq!(of_equals, [80, 81]);
    let nearest = places(&by("vector", "10"));
    assert_eq!(nearest, all[..10]);
    let hybrid = places(&by("hybrid", "10"));
    assert!(hybrid.iter().any(|place| !nearest.contains(place)), "some by words only");
}

#[test]
fn an_index_keeps_to_its_embedding_model() {
    let library = Library::new(&[("a.txt", "a zebra")]);
    library.update_with(&[]);
    let (index, files) = (library.index(), library.path(""));
    let files = files.to_str().unwrap();
    // The same files with another prefix are another model.
    let model = library.folder.path().join("model");
    let bundled = crate::common::root().join("benches/model/all-minilm-l6-v2");
    fs::create_dir_all(model.join("onnx")).unwrap();
    for name in ["onnx/model_quantized.onnx", "tokenizer.json", "config.json"] {
        fs::copy(bundled.join(name), model.join(name)).unwrap();
    }
    let pooling = fs::read_to_string(bundled.join("pooling.json")).unwrap();
    let mut pooling: Value = serde_json::from_str(&pooling).unwrap();
    pooling["prompts"] = json!({ "query": "query: " });
    fs::write(model.join("pooling.json"), pooling.to_string()).unwrap();
    let other = ["--embedding-model", model.to_str().unwrap()];

    for arguments in [&["search", &index, "zebra"][..], &["index", files, "-o", &index]] {
        let complaint = fails(&[arguments, &other].concat(), b"", "invalid-argument");
        assert!(complaint.contains("vectors of another embedding model; name that"), "{complaint}");
    }
    let text = fails(&["index", files, "-o", &index, "--text-only"], b"", "invalid-argument");
    assert!(text.contains("has vectors"), "{text}");
    assert_eq!(library.search("zebra", &["--mode", "text"]).len(), 1);

    let plain = Library::new(&[("a.txt", "a zebra")]);
    plain.update();
    assert_eq!(plain.search("zebra", &[]).len(), 1, "text is what it has");
    let vector = ["search", &plain.index(), "zebra", "--mode", "hybrid"];
    assert!(fails(&vector, b"", "invalid-argument").contains("words only"));
    assert!(
        fails(&["index", files, "-o", &plain.index()], b"", "invalid-argument")
            .contains("--text-only")
    );
}

#[test]
fn fused_scores_order_what_all_stages_gave() {
    let library = Library::new(&[
        ("stars.txt", "A star is a ball of gas that shines by nuclear fusion."),
        ("bread.txt", "Bread is baked from flour, water and yeast."),
        ("ovens.txt", "An oven bakes bread with hot air."),
    ]);
    let (files, index) = (library.path(""), library.index());
    stdout(&["index", files.to_str().unwrap(), "-o", &index], b"");
    let query = "how is bread made";
    let score = |found: &Value, name: &str| found[name].as_f64();

    let found = search(&index, query, &["--fuse=text=0.5,vector=0.25,rerank=0.25"]);
    assert_eq!(found.len(), 3);
    let spread = |name: &str, logit: bool| -> Vec<f64> {
        let scores = found.iter().filter_map(|found| score(found, name));
        let scores: Vec<f64> =
            scores.map(|p| if logit { (p / (1.0 - p)).ln() } else { p }).collect();
        let least = scores.iter().copied().fold(f64::MAX, f64::min);
        let most = scores.iter().copied().fold(f64::MIN, f64::max);
        scores
            .iter()
            .map(|x| if most > least { (x - least) / (most - least) } else { 1.0 })
            .collect()
    };
    let (vector, rerank) = (spread("vectorScore", false), spread("rerankScore", true));
    let mut texts = spread("textScore", false).into_iter();
    for (i, result) in found.iter().enumerate() {
        let text = if score(result, "textScore").is_some() { texts.next().unwrap() } else { 0.0 };
        let expected = 0.5 * text + 0.25 * vector[i] + 0.25 * rerank[i];
        let fused = score(result, "score").unwrap();
        assert!((fused - expected).abs() < 1e-3, "{fused} for {expected}: {result}");
    }
    assert!(found.is_sorted_by(|a, b| score(a, "score") >= score(b, "score")));

    // With a single stage the order is the order of that stage.
    let by_words = search(&index, query, &["--fuse=text=1", "--no-rerank"]);
    assert!(
        score(&by_words[0], "textScore").is_some() && score(&by_words[2], "textScore").is_none()
    );
    for bad in ["--fuse=text=-1", "--fuse=words=1", "--fuse=rerank=0"] {
        fails(&["search", &index, query, bad], b"", "invalid-argument");
    }
}
