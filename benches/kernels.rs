//! Times each kernel of this machine on the shapes of one MiniLM-L6 layer: `cargo bench --bench
//! kernels`. Arguments: a name (`avx2`) selects one kernel, `hidden=1024` the shapes of another model,
//! and `bits=8` weights that use the whole range of int8.

#[allow(dead_code, unused_imports, reason = "the bench calls only some of the module")]
#[path = "../src/kernels/mod.rs"]
mod kernels;

#[path = "instructions/inputs.rs"]
mod inputs;

use std::time::Instant;

use inputs::{floats, weights};
use kernels::{
    Activation, AttentionInputs, AttentionScratch, Heads, Int8Scratch, Kernel, LinearI8,
    NormParams, add_norm, attention, linear_i8,
};

const LAYERS: f64 = 6.0;
/// The width of a head in most encoders. The heads of MiniLM are half as wide and twice as many.
const HEAD_WIDTH: usize = 64;

fn main() {
    let number = |name: &str| {
        let value = std::env::args().find_map(|arg| arg.strip_prefix(name).map(str::to_owned));
        value.map(|value| value.parse::<usize>().expect("a number"))
    };
    let only = std::env::args().skip(1).find(|arg| !arg.starts_with('-') && !arg.contains('='));
    for kernel in Kernel::all() {
        if only.as_deref().is_none_or(|name| name == kernel.name()) {
            println!("{}", kernel.name());
            bench(kernel, number("hidden=").unwrap_or(384), number("bits=").unwrap_or(7));
        }
    }
}

fn bench(kernel: Kernel, hidden: usize, bits: usize) {
    let tokens = 128;
    let mut products = [0.0; 2];
    let mut rest = [0.0; 2];
    for (k, n, activation) in [
        (hidden, 3 * hidden, Activation::None),
        (hidden, hidden, Activation::None),
        (hidden, 4 * hidden, Activation::Gelu),
        (4 * hidden, hidden, Activation::None),
    ] {
        let values = weights(k * n, bits);
        let bias = floats(n);
        let linear = LinearI8::new(kernel, (k, n), &values, &[0.002], &[0], &bias);
        let x = floats(tokens * k);
        let mut out = vec![0.0; tokens * n];
        let mut scratch = Int8Scratch::default();
        let time = time(|| linear_i8(&x, &linear, activation, &mut out, &mut scratch));
        let [median, best] = time.map(|ms| (2 * tokens * k * n) as f64 / ms / 1e6);
        println!(
            "  {tokens}x{k}x{n} {activation:?}: {}, {median:.1} (best {best:.1}) GOPS",
            ms(time)
        );
        products = add(products, time);
    }
    let dim = if hidden == 384 { HEAD_WIDTH / 2 } else { HEAD_WIDTH };
    for len in [tokens, 512] {
        let heads = Heads { count: hidden / dim, dim, scale: 1.0 / (dim as f32).sqrt() };
        let qkv = floats(len * 3 * hidden);
        let mut out = vec![0.0; len * hidden];
        let mut scratch = AttentionScratch::default();
        let inputs = AttentionInputs::of_each_token(&qkv, hidden);
        let ends = [0, len];
        let time = time(|| attention(kernel, inputs, &ends, &ends, heads, &mut out, &mut scratch));
        println!("  attention over {len}: {}", ms(time));
        if len == tokens {
            rest = add(rest, time);
        }
    }
    let x = floats(tokens * hidden);
    let (gamma, beta) = (&x[..hidden], &x[hidden..2 * hidden]);
    let params = NormParams { gamma, beta, eps: 1e-12 };
    let mut out = vec![0.0; tokens * hidden];
    let time = time(|| add_norm(kernel, [&x, &x], params, &mut out));
    println!("  add_norm: {}", ms(time));
    let rest = add(rest, time.map(|ms| 2.0 * ms));
    let layers = add(products, rest).map(|ms| LAYERS * ms);
    println!("  six layers of {tokens} tokens: {}", ms(layers));
    println!("    of which products: {}", ms(products.map(|ms| LAYERS * ms)));
}

/// The median and the minimum, in milliseconds, of as many runs as take about half a second. On a shared
/// machine, the minimum varies less.
fn time(mut work: impl FnMut()) -> [f64; 2] {
    let mut times = Vec::new();
    let begin = Instant::now();
    while times.len() < 5 || begin.elapsed().as_millis() < 500 {
        let start = Instant::now();
        work();
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    [times[times.len() / 2], times[0]]
}

fn add(a: [f64; 2], b: [f64; 2]) -> [f64; 2] {
    [a[0] + b[0], a[1] + b[1]]
}

fn ms([median, best]: [f64; 2]) -> String {
    format!("{median:.3} (best {best:.3}) ms")
}
