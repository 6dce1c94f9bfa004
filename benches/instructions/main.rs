//! The work whose instructions `make bench-instructions` counts. Without an argument it prints the names
//! of the rows, and with a name it does the work of that row. Every run has the same inputs.

#[allow(dead_code, unused_imports, reason = "the bench calls only some of the module")]
#[path = "../../src/kernels/mod.rs"]
mod kernels;

mod inputs;

use std::hint::black_box;

use crossrank::{LoadOptions, ModelFiles, Reranker};
use inputs::{floats, weights};
use kernels::{
    Activation, AttentionInputs, AttentionScratch, Columns, Heads, Int8Scratch, Kernel, LinearI8,
    NormParams, add_norm, attention, linear_i8,
};

/// The kernels that valgrind can run. The fastest one would differ between machines.
const KERNELS: [&str; 2] = ["scalar", "avx2"];

/// The shape of MiniLM.
const HIDDEN: usize = 384;
const HEADS: Heads = Heads { count: 12, dim: 32, scale: 0.176_776_7 };

const QUERY: &str = "who keeps the river clean";
const DOCUMENTS: [&str; 8] = [
    "The river authority removes litter and checks the water every week.",
    "Volunteers of the anglers' club clean the banks each spring.",
    "The mill was built in 1862.",
    "Bread rises faster in a warm kitchen.",
    "Upstream farms must leave a strip of grass beside the river.",
    "The sewage works were enlarged, and trout have come back.",
    "A train crosses the bridge twice an hour.",
    "Clean water is a right.",
];

struct Row {
    name: String,
    work: Box<dyn FnOnce()>,
}

fn main() {
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let Some(wanted) = wanted else {
        return rows().iter().for_each(|row| println!("{}", row.name));
    };
    let row = rows().into_iter().find(|row| row.name == wanted);
    (row.unwrap_or_else(|| panic!("no row is called {wanted}")).work)();
}

/// Valgrind counts what happens within this function, which `compare.py` names to it.
#[inline(never)]
fn counted<T>(work: impl FnOnce() -> T) {
    black_box(work());
}

fn rows() -> Vec<Row> {
    let available = Kernel::all().into_iter().filter(|kernel| KERNELS.contains(&kernel.name()));
    let of_kernels = available.flat_map(rows_of_kernel);
    of_kernels.chain([Row { name: "tokenize".into(), work: Box::new(tokenize) }]).collect()
}

fn rows_of_kernel(kernel: Kernel) -> Vec<Row> {
    let row = |name, work: fn(Kernel)| Row {
        name: format!("{} {name}", kernel.name()),
        work: Box::new(move || work(kernel)),
    };
    vec![
        row("linear_i8 128x384x384", |kernel| linear(kernel, 128, HIDDEN, Activation::None)),
        row("linear_i8 128x384x1536 gelu", |kernel| {
            linear(kernel, 128, 4 * HIDDEN, Activation::Gelu);
        }),
        row("linear_i8 1x384x384", |kernel| linear(kernel, 1, HIDDEN, Activation::None)),
        row("attention 128x128", |kernel| attend(kernel, 128, 128)),
        row("attention 512x512", |kernel| attend(kernel, 512, 512)),
        row("attention 1x512", |kernel| attend(kernel, 1, 512)),
        row("add_norm 128x384", normalize),
        row("load", |kernel| counted(|| load(kernel))),
        row("rerank", rerank),
    ]
}

fn linear(kernel: Kernel, rows: usize, columns: usize, activation: Activation) {
    let values = weights(HIDDEN * columns, 7);
    let shape = (HIDDEN, columns);
    let linear = LinearI8::new(kernel, shape, &values, &[0.002], &[0], &floats(columns));
    let x = floats(rows * HIDDEN);
    let mut out = vec![0.0; rows * columns];
    let mut scratch = Int8Scratch::default();
    counted(|| linear_i8(&x, &linear, activation, &mut out, &mut scratch));
}

fn attend(kernel: Kernel, queries: usize, keys: usize) {
    let qkv = floats(keys * 3 * HIDDEN);
    let mut inputs = AttentionInputs::of_each_token(&qkv, HIDDEN);
    inputs.queries = Columns { matrix: &qkv[..queries * 3 * HIDDEN], ..inputs.queries };
    let mut out = vec![0.0; queries * HIDDEN];
    let mut scratch = AttentionScratch::default();
    let (query_ends, ends) = ([0, queries], [0, keys]);
    counted(|| attention(kernel, inputs, &query_ends, &ends, HEADS, &mut out, &mut scratch));
}

fn normalize(kernel: Kernel) {
    let x = floats(128 * HIDDEN);
    let (gamma, beta) = (&x[..HIDDEN], &x[HIDDEN..2 * HIDDEN]);
    let params = NormParams { gamma, beta, eps: 1e-12 };
    let mut out = vec![0.0; x.len()];
    counted(|| add_norm(kernel, [&x, &x], params, &mut out));
}

fn load(kernel: Kernel) -> Reranker {
    let mut options = LoadOptions::default();
    options.threads = Some(1);
    options.kernel = Some(kernel.name().to_owned());
    let files = ModelFiles::bundled_reranker().expect("the source tree holds the model");
    Reranker::from_files(&files, options).expect("the bundled model loads")
}

fn rerank(kernel: Kernel) {
    let reranker = load(kernel);
    counted(|| reranker.rerank(QUERY, &DOCUMENTS, DOCUMENTS.len()).expect("the list is valid"));
}

/// The pairs of `tests/data/golden.json`: texts of many lengths and scripts.
fn tokenize() {
    let golden = include_str!("../../tests/data/golden.json");
    let golden: serde_json::Value = serde_json::from_str(golden).expect("golden.json is JSON");
    let pairs = golden["pairs"].as_array().expect("golden.json has pairs");
    let text = |pair: &serde_json::Value, name: &str| pair[name].as_str().map(str::to_owned);
    let pairs: Vec<(String, String)> =
        pairs.iter().filter_map(|pair| text(pair, "query").zip(text(pair, "passage"))).collect();
    let reranker = load(Kernel::SCALAR);
    counted(|| {
        for (query, passage) in &pairs {
            black_box(reranker.encode(query, passage).expect("the texts are short"));
        }
    });
}
