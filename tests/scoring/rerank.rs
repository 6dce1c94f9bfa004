//! The public calls with the bundled model: order, truncation, batches, threads, invalid arguments.

use std::time::Instant;

use crate::common::{bundled_files, int8_files, reranker, truncate};
use crossrank::{
    ErrorKind, LoadOptions, LongDocuments, MAX_TEXT_BYTES, Ranking, RerankOptions, Reranker,
    Truncation,
};

const QUERY: &str = "what is a vector database";
const DOCUMENTS: [&str; 4] = [
    "Bananas are rich in potassium.",
    "A vector database stores embeddings and finds the nearest neighbours of a query vector.",
    "Relational databases keep rows in tables and answer SQL queries.",
    "",
];

#[test]
fn puts_the_answer_first() {
    let ranking = reranker().rerank(QUERY, &DOCUMENTS, 2).unwrap();
    assert_eq!(ranking.results.len(), 2);
    assert_eq!(ranking.results[0].index, 1);
    assert!(!ranking.query_truncated);
    for result in &ranking.results {
        assert!((0.0..=1.0).contains(&result.score));
        assert!(!result.truncated);
    }
}

#[test]
fn an_empty_list_gives_an_empty_ranking() {
    assert!(reranker().rerank(QUERY, &[] as &[&str], 10).unwrap().results.is_empty());
    assert!(reranker().score(&[] as &[(&str, &str)]).unwrap().is_empty());
}

#[test]
fn top_k_beyond_the_list_gives_all() {
    let ranking = reranker().rerank(QUERY, &DOCUMENTS, usize::MAX).unwrap();
    let mut indices: Vec<usize> = ranking.results.iter().map(|r| r.index).collect();
    indices.sort();
    assert_eq!(indices, [0, 1, 2, 3]);
}

#[test]
fn equal_documents_keep_their_order() {
    let ranking = reranker().rerank(QUERY, &[DOCUMENTS[1]; 5], 5).unwrap();
    assert_eq!(ranking.results.iter().map(|r| r.index).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
}

#[test]
fn a_score_does_not_depend_on_neighbours_or_threads() {
    let long = "A passage about databases and vectors. ".repeat(40);
    let mut documents: Vec<String> = DOCUMENTS.iter().map(|d| d.to_string()).collect();
    documents.push(long);
    let alone: Vec<u32> = documents
        .iter()
        .map(|d| reranker().score(&[(QUERY, d)]).unwrap()[0].logit.to_bits())
        .collect();
    for threads in [1, 2, 3] {
        let mut options = LoadOptions::default();
        options.threads = Some(threads);
        let reranker = Reranker::from_files(&bundled_files(), options).unwrap();
        for result in reranker.rerank(QUERY, &documents, 10).unwrap().results {
            assert_eq!(result.logit.to_bits(), alone[result.index], "{threads} threads");
        }
    }
}

#[test]
fn batches_of_queries_rank_like_single_ones() {
    let queries = [QUERY, "fruit with potassium"];
    let lists = vec![DOCUMENTS.to_vec(), DOCUMENTS[..2].to_vec()];
    let rankings = reranker().rerank_batch(&queries, &lists, 3).unwrap();
    for ((query, list), ranking) in queries.iter().zip(&lists).zip(&rankings) {
        assert_eq!(*ranking, reranker().rerank(query, list, 3).unwrap());
    }
    let error = reranker().rerank_batch(&queries, &lists[..1], 3).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
}

#[test]
fn truncation_is_reported() {
    let long = "vector database ".repeat(600);
    let documents = [long.as_str(), DOCUMENTS[1]];
    let ranking = reranker().rerank_with(QUERY, &documents, &truncate()).unwrap();
    for result in &ranking.results {
        assert_eq!(result.truncated, result.index == 0);
    }
    assert!(!ranking.query_truncated);
    // longest_first cuts the longer side, here the query.
    assert!(reranker().rerank(&long, &["short"], 1).unwrap().query_truncated);
}

#[test]
fn max_length_cuts_earlier() {
    let mut options = LoadOptions::default();
    options.max_length = Some(16);
    let short = Reranker::from_files(&bundled_files(), options).unwrap();
    assert_eq!(short.max_length(), 16);
    let encoding = short.encode(QUERY, DOCUMENTS[1]).unwrap();
    assert_eq!(encoding.ids.len(), 16);
    assert!(encoding.document_truncated && !encoding.query_truncated);

    for wrong in [0, 3, 513] {
        let mut options = LoadOptions::default();
        options.max_length = Some(wrong);
        let error = Reranker::from_files(&bundled_files(), options).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "max_length {wrong}");
    }
}

#[test]
fn invalid_arguments_give_errors_of_the_right_kind() {
    let kind = |query: &str, documents: &[&str], top_k| {
        reranker().rerank(query, documents, top_k).unwrap_err().kind()
    };
    assert_eq!(kind("", &DOCUMENTS, 3), ErrorKind::InvalidArgument);
    assert_eq!(kind(" \n", &DOCUMENTS, 3), ErrorKind::InvalidArgument);
    assert_eq!(kind(QUERY, &DOCUMENTS, 0), ErrorKind::InvalidArgument);

    let huge = "x".repeat(MAX_TEXT_BYTES + 1);
    assert_eq!(kind(&huge, &DOCUMENTS, 3), ErrorKind::InputTooLarge);
    let error = reranker().rerank(QUERY, &["fine", &huge], 3).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InputTooLarge);
    assert!(error.to_string().contains("document 1"), "{error}");
}

#[test]
fn text_at_the_limit_is_ranked() {
    let longest = "word ".repeat(MAX_TEXT_BYTES / 5);
    assert!(reranker().rerank(QUERY, &[&longest], 1).unwrap().results[0].truncated);
    // A long query with a long document must not take quadratic time.
    let ranking = reranker().rerank_with(&longest, &[&longest], &truncate()).unwrap();
    assert!(ranking.query_truncated && ranking.results[0].truncated);
}

fn indices(ranking: &Ranking) -> Vec<usize> {
    ranking.results.iter().map(|result| result.index).collect()
}

/// A long text of words of one token each, with the answer in the middle.
fn haystack() -> String {
    let hay = "the river was cold and the boat was old . ".repeat(60);
    format!("{hay}a vector database stores vectors and finds the nearest ones . {hay}")
}

#[test]
fn the_best_window_of_a_long_document_is_its_score() {
    let text = haystack();
    let mut options = RerankOptions::default();
    options.long_documents = Some(LongDocuments::Windows);
    let ranking = reranker().rerank_with(QUERY, &[&text], &options).unwrap();
    let result = ranking.results[0];
    let span = result.span.unwrap();
    let window = &text[span.start..span.end];
    assert!(window.contains("vector database"), "{window}");
    assert!(!result.truncated);
    // The window alone has the same tokens, and so the same bits.
    let tokens = reranker().encode(QUERY, window).unwrap().ids.len();
    assert!((420..=512).contains(&tokens), "{tokens} tokens");
    let alone = reranker().score(&[(QUERY, window)]).unwrap()[0];
    assert_eq!(alone.logit.to_bits(), result.logit.to_bits());
    let cut = reranker().rerank_with(QUERY, &[&text], &truncate()).unwrap().results[0];
    assert!(cut.truncated && cut.span.is_none() && cut.logit != result.logit);
    // The bundled model gives its trained length, so windows are its default, even for pairs.
    assert_eq!(reranker().long_documents(), LongDocuments::Windows);
    assert_eq!(reranker().rerank(QUERY, &[&text], 1).unwrap(), ranking);
    let pair = reranker().score(&[(QUERY, &text)]).unwrap()[0];
    assert_eq!((pair.logit, pair.span), (result.logit, result.span));
}

/// Options that score windows of at most 340 tokens.
fn windows_of_340() -> RerankOptions<'static> {
    let mut options = RerankOptions::default();
    (options.max_length, options.long_documents) = (Some(340), Some(LongDocuments::Windows));
    options
}

#[test]
fn windows_cover_a_document_up_to_their_maximum_number() {
    let text = haystack();
    let mut options = windows_of_340();
    let all = reranker().prepare(QUERY, &[&text], &options).unwrap().encodings().len();
    // There are about 1220 tokens, and about 320 in a window, a quarter of which is shared.
    assert!((4..=6).contains(&all), "{all} windows");
    options.max_windows = Some(2);
    let ranking = reranker().rerank_with(QUERY, &[&text], &options).unwrap();
    assert!(ranking.results[0].truncated);
    assert!(ranking.results[0].span.unwrap().end < text.len() / 2);
    options.max_windows = Some(0);
    let error = reranker().rerank_with(QUERY, &[&text], &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
}

#[test]
fn a_pair_has_as_many_tokens_as_the_model_reads() {
    let mut never = RerankOptions::default();
    never.truncation = Truncation::Never;
    let max = reranker().max_length();
    let others = reranker().encode(QUERY, "").unwrap().ids.len();
    for tokens in [max - 1, max, max + 1] {
        let document = "word ".repeat(tokens - others);
        let encoding = reranker().encode(QUERY, &document).unwrap();
        assert_eq!(
            (encoding.ids.len(), encoding.document_truncated),
            (tokens.min(max), tokens > max)
        );
        match reranker().prepare(QUERY, &[&document], &never) {
            Ok(pending) => assert_eq!(pending.tokens(), tokens),
            Err(error) => {
                assert_eq!((error.kind(), tokens > max), (ErrorKind::InputTooLarge, true));
                let numbers = format!("{tokens} tokens together, over the limit of {max};");
                assert!(error.to_string().contains(&numbers), "{error}");
            }
        }
    }
}

#[test]
fn a_document_has_32_windows_at_most_by_default() {
    let windows = |words: usize, max_windows| {
        let mut options = windows_of_340();
        options.max_windows = max_windows;
        let pending = reranker().prepare(QUERY, &["word ".repeat(words)], &options).unwrap();
        let encodings = pending.encodings();
        (encodings.len(), encodings.iter().any(|encoding| encoding.document_truncated))
    };
    for count in [31, 32, 33] {
        // Each window adds about 240 tokens.
        let long = |words: &usize| windows(*words, Some(usize::MAX)) == (count, false);
        let words = (0..40).map(|windows| windows * 240).find(long).expect("a text of this length");
        assert_eq!(windows(words, None), (count.min(32), count > 32), "{count} windows");
    }
}

/// The bundled model reads pairs as long as those that it was trained on. The other one reads longer
/// ones, so that its windows grow with the query.
#[test]
fn a_query_that_leaves_no_room_for_windows_has_its_documents_cut() {
    let mut files = int8_files();
    let mut config: serde_json::Value = serde_json::from_slice(&files.config).unwrap();
    config["crossrank"]["trained_tokens"] = 340.into();
    files.config = config.to_string().into();
    let longer = Reranker::from_files(&files, LoadOptions::default()).unwrap();
    let text = haystack();
    let windows = |reranker: &Reranker, words| {
        let query = "word ".repeat(words);
        reranker.prepare(&query, &[&text], &RerankOptions::default()).unwrap().encodings().len()
    };
    for (words, expected) in [(120, 4..=5), (250, 6..=8), (260, 1..=1), (600, 1..=1)] {
        let count = windows(reranker(), words);
        assert!(expected.contains(&count), "{words} words: {count} windows");
    }
    for (words, expected) in [(120, 7..=9), (330, 9..=11), (350, 1..=1), (600, 1..=1)] {
        let count = windows(&longer, words);
        assert!(expected.contains(&count), "{words} words, read longer: {count} windows");
    }
}

#[test]
fn a_max_length_cuts_documents_unless_they_are_to_be_split() {
    let text = haystack();
    let mut options = RerankOptions::default();
    options.max_length = Some(100);
    let cut = reranker().rerank_with(QUERY, &[&text], &options).unwrap().results[0];
    assert!(cut.truncated && cut.span.is_none());
    options.long_documents = Some(LongDocuments::Windows);
    let split = reranker().rerank_with(QUERY, &[&text], &options).unwrap().results[0];
    assert!(!split.truncated && split.span.is_some());

    let mut options = LoadOptions::default();
    options.max_length = Some(100);
    let short = Reranker::from_files(&bundled_files(), options).unwrap();
    assert_eq!(short.long_documents(), LongDocuments::Truncate);
    assert_eq!(short.rerank(QUERY, &[&text], 1).unwrap().results[0].logit, cut.logit);
}

#[test]
fn too_many_windows_are_refused_where_nothing_may_be_cut() {
    let mut options = RerankOptions::default();
    options.long_documents = Some(LongDocuments::Windows);
    options.truncation = Truncation::Never;
    assert!(!reranker().rerank_with(QUERY, &[haystack()], &options).unwrap().results[0].truncated);
    options.max_windows = Some(2);
    let error = reranker().rerank_with(QUERY, &[haystack()], &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InputTooLarge);
}

#[test]
fn pairs_are_tokenized_until_the_deadline() {
    let huge = "x".repeat(MAX_TEXT_BYTES + 1);
    let mut options = RerankOptions::default();
    options.deadline = Some(Instant::now());
    let error = reranker().score_with(&[(QUERY, &huge)], &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
}

#[test]
fn results_below_the_minimum_score_are_left_out() {
    let all = reranker().rerank(QUERY, &DOCUMENTS, 4).unwrap();
    let mut options = RerankOptions::default();
    options.min_score = Some(all.results[1].score);
    let some = reranker().rerank_with(QUERY, &DOCUMENTS, &options).unwrap();
    assert_eq!(some.results, all.results[..2]);
    options.min_score = Some(f32::NAN);
    let error = reranker().rerank_with(QUERY, &DOCUMENTS, &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
}

#[test]
fn a_deadline_gives_what_has_been_scored() {
    let mut options = RerankOptions::default();
    options.deadline = Some(Instant::now());
    let none = reranker().rerank_with(QUERY, &DOCUMENTS, &options).unwrap();
    assert!(none.partial && none.results.iter().all(|result| result.score.is_nan()));
    assert_eq!(indices(&none), [0, 1, 2, 3]);
    options.min_score = Some(0.0);
    let none = reranker().rerank_with(QUERY, &DOCUMENTS, &options).unwrap();
    assert!(none.partial && none.results.is_empty());
    options.min_score = None;

    // Long enough that a fifth of the time suffices for some of it, but not for all.
    let documents: Vec<String> = (0..400).map(|i| format!("{i} {}", DOCUMENTS[1])).collect();
    let start = Instant::now();
    let all = reranker().rerank(QUERY, &documents, 400).unwrap();
    let whole = start.elapsed();
    assert!(!all.partial);
    let some = (0..10).find_map(|_| {
        let start = Instant::now();
        options.deadline = Some(start + whole / 5);
        let ranking = reranker().rerank_with(QUERY, &documents, &options).unwrap();
        let scored = ranking.results.iter().filter(|result| !result.score.is_nan()).count();
        (scored > 0 && ranking.partial).then_some((ranking, scored, start.elapsed()))
    });
    let (some, scored, took) = some.expect("some of it is done in a fifth of the time");
    assert!(took < whole, "{took:?} of {whole:?}");
    let order = indices(&some);
    assert!(order[scored..].is_sorted(), "the others keep their order");
    let known = |ranking: &Ranking, index: usize| {
        ranking.results.iter().find(|result| result.index == index).unwrap().logit.to_bits()
    };
    for &index in &order[..scored] {
        assert_eq!(known(&some, index), known(&all, index));
    }
    // The best documents of the first stage are scored first.
    assert!(order[..scored].iter().all(|&index| index < scored + 64), "{order:?}");
}

#[test]
fn scoring_in_pieces_gives_the_same_bits() {
    let text = haystack();
    let documents: Vec<String> =
        (0..30).map(|i| DOCUMENTS[i % 4].repeat(i)).chain([text]).collect();
    let lists = vec![(QUERY.to_owned(), documents.clone()), ("fruit".into(), documents.clone())];
    let mut scoring = reranker().start(lists, &RerankOptions::default()).unwrap();
    let mut scores = vec![None; 62];
    let mut steps = 0;
    while !scoring.is_done() {
        for (position, score) in scoring.step(reranker()).unwrap() {
            assert!(scores[position].replace(score).is_none(), "{position} is scored once");
        }
        steps += 1;
    }
    assert!(steps > 30, "{steps} steps");
    for (query, scores) in [QUERY, "fruit"].iter().zip(scores.chunks(31)) {
        for result in reranker().rerank(query, &documents, 31).unwrap().results {
            let score = scores[result.index].unwrap();
            assert_eq!(score.logit.to_bits(), result.logit.to_bits());
            assert_eq!((score.span, score.truncated), (result.span, result.truncated));
        }
    }
    let mut nothing = reranker().start(Vec::new(), &RerankOptions::default()).unwrap();
    assert!(nothing.is_done() && nothing.step(reranker()).unwrap().is_empty());
}

#[test]
fn scoring_in_pieces_names_the_document_that_fails_and_ends() {
    let list = vec!["fine".to_owned(), "x".repeat(MAX_TEXT_BYTES + 1)];
    let lists = vec![(QUERY.to_owned(), vec!["first".to_owned()]), (QUERY.to_owned(), list)];
    let mut scoring = reranker().start(lists, &RerankOptions::default()).unwrap();
    assert_eq!(scoring.position(), None);
    let error = scoring.step(reranker()).unwrap_err();
    assert_eq!((error.kind(), scoring.position()), (ErrorKind::InputTooLarge, Some(2)));
    assert!(scoring.is_done() && scoring.step(reranker()).unwrap().is_empty());

    let huge = "x".repeat(MAX_TEXT_BYTES + 1);
    let lists = vec![(QUERY.to_owned(), Vec::new()), (huge, Vec::new())];
    let error = reranker().start(lists, &RerankOptions::default()).err().unwrap();
    assert!(error.to_string().starts_with("query 1: "), "{error}");
}
