//! Checks docs/project/limits.md: its tables have the numbers of the code, and a test for each.

use std::fs;

use super::{common, files};

/// A row of a table.
struct Limit {
    what: &'static str,
    /// Where the code has the number: a file, and the texts before it. There is none where it follows from the
    /// model or from the file.
    numbers: &'static [(&'static str, &'static [&'static str])],
    /// The tests that try it at, below and above.
    tests: &'static [&'static str],
}

const fn limit(
    what: &'static str,
    numbers: &'static [(&'static str, &'static [&'static str])],
    tests: &'static [&'static str],
) -> Limit {
    Limit { what, numbers, tests }
}

const COMMANDS: &str = "docs/reference/command.md";

const LIMITS: [Limit; 26] = [
    limit(
        "a text",
        &[
            ("src/tokenizer/types.rs", &["MAX_TEXT_BYTES: usize ="]),
            ("pkg/src/api/options.ts", &["MAX_TEXT_BYTES ="]),
        ],
        &["a_text_has_a_largest_size", "refuses a text of more than 1 MiB"],
    ),
    limit("a pair", &[], &["a_pair_has_as_many_tokens_as_the_model_reads"]),
    limit(
        "the tokens that a model reads",
        &[("src/model/config.rs", &["const MAX_LENGTH: usize ="])],
        &["a_sequence_has_a_largest_length_whatever_the_configuration_says"],
    ),
    limit(
        "windows of a long document",
        &[("src/reranker/pipeline.rs", &["MAX_WINDOWS: usize ="])],
        &["a_document_has_32_windows_at_most_by_default"],
    ),
    limit("a text to embed", &[], &["a_text_has_as_many_tokens_as_the_model_reads"]),
    limit(
        "a cache of scores",
        &[
            ("pkg/src/load/model-kind.ts", &["DEFAULT_CACHE_BYTES ="]),
            ("pkg/src/load/model-kind.ts", &["MAX_CACHE_BYTES ="]),
        ],
        &["the_least_recently_used_goes_first", "without_room_nothing_is_kept"],
    ),
    limit(
        "a tensor",
        &[],
        &[
            "a_tensor_has_as_many_numbers_as_its_file_holds",
            "a_shape_has_as_many_numbers_as_the_bytes_of_its_tensor",
        ],
    ),
    limit(
        "a file of a model in WebAssembly",
        &[("pkg/src/core/content.ts", &["MAX_FILE_BYTES ="])],
        &["a file has a largest size"],
    ),
    limit(
        "a file that `index` reads as a whole",
        &[(COMMANDS, &["`--max-file-mb <MB>`", "Default: `"])],
        &["larger_files_than_the_option_says_are_skipped"],
    ),
    limit(
        "a line of JSON Lines",
        &[("cli/src/input.rs", &["MAX_LINE_BYTES: u64 ="])],
        &["a_line_has_a_largest_size"],
    ),
    limit("values in values of JSON", &[], &["json_has_a_largest_depth"]),
    limit(
        "an answer of a service",
        &[
            ("src/remote/http.rs", &["MAX_RESPONSE_BYTES: u64 ="]),
            ("pkg/src/backends/remote-http.ts", &["MAX_RESPONSE_BYTES ="]),
        ],
        &["an_answer_has_a_largest_size", "remote: an answer has a largest size"],
    ),
    limit(
        "a file of a site's search, unpacked",
        &[("src/site/bytes.rs", &["MAX_CONTENT_BYTES: usize ="])],
        &["a_file_has_a_largest_content"],
    ),
    limit(
        "sections of a site",
        &[("src/site/manifest.rs", &["MAX_SECTIONS: usize ="])],
        &["a_manifest_of_a_few_bytes_asks_for_no_more_memory_than_a_large_site"],
    ),
    limit(
        "elements of a site's vectors",
        &[("src/site/manifest.rs", &["MAX_DIMENSIONS: usize ="])],
        &["a_manifest_of_a_few_bytes_asks_for_no_more_memory_than_a_large_site"],
    ),
    limit(
        "documents in a request",
        &[(COMMANDS, &["`--max-documents <N>`", "Default: `"])],
        &["a_server_refuses_larger_requests"],
    ),
    limit(
        "tokens in a request",
        &[(COMMANDS, &["`--max-tokens <N>`", "Default: `"])],
        &[
            "a_server_refuses_larger_requests",
            "documents_beyond_the_tokens_of_a_request_are_not_read",
        ],
    ),
    limit(
        "texts to embed",
        &[(COMMANDS, &["`--max-texts <N>`", "Default: `"])],
        &["a_server_refuses_larger_requests"],
    ),
    limit(
        "body, also after it is decompressed",
        &[(COMMANDS, &["`--max-body <BYTES>`", "Default: `"])],
        &["a_server_refuses_larger_requests"],
    ),
    limit(
        "requests that wait or are scored",
        &[(COMMANDS, &["`--queue <N>`", "Default: `"])],
        &["requests_beyond_the_queue_get_429_and_accepted_ones_are_answered"],
    ),
    limit(
        "connections",
        &[(COMMANDS, &["`--connections <N>`", "Default: `"])],
        &["connections_beyond_the_limit_are_refused"],
    ),
    limit(
        "a head",
        &[(COMMANDS, &["`--max-head <BYTES>`", "Default: `"])],
        &["heads_have_a_limit"],
    ),
    limit(
        "time of a head",
        &[(COMMANDS, &["`--head-timeout <SECONDS>`", "Default: `"])],
        &["slow_heads_end_the_connection"],
    ),
    limit(
        "time of a body",
        &[(COMMANDS, &["`--body-timeout <SECONDS>`", "Default: `"])],
        &["slow_bodies_are_refused"],
    ),
    limit(
        "time between requests, and until a client reads more of an answer",
        &[(COMMANDS, &["`--idle-timeout <SECONDS>`", "Default: `"])],
        &["idle_connections_are_ended", "clients_that_read_nothing_are_cut_off"],
    ),
    limit(
        "time of a request",
        &[(COMMANDS, &["`--deadline <SECONDS>`", "Default: `"])],
        &["the_deadline_is_kept"],
    ),
];

/// The rows of all tables of limits: what, and the limit.
fn rows(page: &str) -> Vec<(String, String)> {
    let tables =
        page.split("\n\n").filter(|part| part.trim_start().starts_with("| What | Limit |"));
    let lines = tables.flat_map(|table| table.trim().lines().skip(2));
    lines
        .map(|line| {
            let mut cells = line.split('|').map(str::trim).skip(1);
            (cells.next().unwrap().to_owned(), cells.next().unwrap().to_owned())
        })
        .collect()
}

fn read(path: &str) -> String {
    fs::read_to_string(common::root().join(path)).unwrap()
}

/// The number after some texts, such as `64 << 20` or `2 ** 31 - 1`.
fn number(path: &str, before: &[&str]) -> u64 {
    let text = read(path);
    let mut rest = &text[..];
    for part in before {
        rest = rest.split_once(part).unwrap_or_else(|| panic!("{part} is in {path}")).1;
    }
    let mut words = rest.split([';', ',', '`', '\n']).next().unwrap().split_whitespace();
    let mut next = || words.next()?.replace('_', "").parse::<u64>().ok();
    let first = next().unwrap_or_else(|| panic!("a number follows {before:?} in {path}"));
    match (words.next(), words.next().and_then(|word| word.parse::<u32>().ok())) {
        (Some("<<"), Some(bits)) => first << bits,
        (Some("**"), Some(exponent)) => first.pow(exponent),
        (None, _) => first,
        other => panic!("{before:?} in {path}: {other:?} follows the number"),
    }
}

/// The ways to write a number.
fn spellings(value: u64) -> Vec<String> {
    let digits = value.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|part| std::str::from_utf8(part).unwrap()).collect();
    let units = [("KiB", 10), ("MiB", 20), ("GiB", 30)].into_iter();
    let in_units = units.filter(|(_, bits)| value.trailing_zeros() >= *bits);
    in_units
        .map(|(unit, bits)| format!("{} {unit}", value >> bits))
        .chain([groups.join(",")])
        .collect()
}

#[test]
fn the_page_of_limits_has_the_numbers_of_the_code_and_each_has_a_test() {
    let rows = rows(&read("docs/project/limits.md"));
    let names: Vec<&str> = rows.iter().map(|(what, _)| what.as_str()).collect();
    assert_eq!(names, LIMITS.iter().map(|limit| limit.what).collect::<Vec<_>>());
    let is_word = |text: &str, word: &str| {
        let parts: Vec<&str> = text.split(word).collect();
        let joins = |c: char| c.is_ascii_alphanumeric() || c == ',';
        parts.windows(2).any(|pair| {
            !pair[0].ends_with(joins) && !pair[1].starts_with(|c: char| c.is_ascii_alphanumeric())
        })
    };
    for ((what, cell), limit) in rows.iter().zip(&LIMITS) {
        for &(path, before) in limit.numbers {
            let value = number(path, before);
            let spellings = spellings(value);
            let named = spellings.iter().any(|spelling| is_word(cell, spelling));
            assert!(
                named,
                "{what}: {path} has {value}, and the page {cell:?}; write one of {spellings:?}"
            );
        }
    }

    let folders = ["src", "tests", "cli", "pkg/test"];
    let extensions = ["rs", "mjs"];
    let sources =
        folders.iter().flat_map(|folder| files(&common::root().join(folder), &extensions));
    // The names are in this file too.
    let sources = sources.filter(|path| !path.ends_with("architecture/limits.rs"));
    let sources: String = sources.map(|path| fs::read_to_string(path).unwrap()).collect();
    for Limit { what, tests, .. } in &LIMITS {
        for test in *tests {
            let is_there = match test.contains(' ') {
                true => ["\"", "`"]
                    .iter()
                    .any(|quote| sources.contains(&format!("{quote}{test}{quote}"))),
                false => sources.contains(&format!("fn {test}(")),
            };
            assert!(is_there, "{what}: there is no test {test}");
        }
    }
}
