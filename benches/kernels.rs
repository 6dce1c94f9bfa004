//! Times the kernels on the shapes of one MiniLM-L6 layer, for each kernel of this machine:
//! `cargo bench --bench kernels`. A name as argument (`avx2`) limits it to that kernel.

#[allow(dead_code, unused_imports, reason = "the bench calls only some of the module")]
#[path = "../src/kernels/mod.rs"]
mod kernels;

use std::time::Instant;

use kernels::{
    Activation, AttentionScratch, Heads, Int8Scratch, Kernel, LinearI8, NormParams, add_norm,
    attention, linear_i8,
};

const HIDDEN: usize = 384;
const LAYERS: f64 = 6.0;

fn main() {
    let only = std::env::args().skip(1).find(|arg| !arg.starts_with('-'));
    for kernel in Kernel::all() {
        if only.as_deref().is_none_or(|name| name == kernel.name()) {
            println!("{}", kernel.name());
            bench(kernel);
        }
    }
}

fn bench(kernel: Kernel) {
    let tokens = 128;
    let mut products = [0.0; 2];
    let mut rest = [0.0; 2];
    for (k, n, activation) in [
        (HIDDEN, 3 * HIDDEN, Activation::None),
        (HIDDEN, HIDDEN, Activation::None),
        (HIDDEN, 4 * HIDDEN, Activation::Gelu),
        (4 * HIDDEN, HIDDEN, Activation::None),
    ] {
        // Bell-shaped within the reduced range, as trained weights are.
        let values: Vec<i8> = (0..k * n)
            .map(|i| ((0..4).map(|j| noise(4 * i + j)).sum::<f32>() * 18.0) as i8)
            .map(|v: i8| v.clamp(-64, 64))
            .collect();
        let bias: Vec<f32> = (0..n).map(noise).collect();
        let linear = LinearI8::new(kernel, (k, n), &values, &[0.002], &[0], &bias);
        let x: Vec<f32> = (0..tokens * k).map(noise).collect();
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
    for len in [tokens, 512] {
        let heads = Heads { count: 12, dim: HIDDEN / 12, scale: 0.176_776_7 };
        let qkv: Vec<f32> = (0..len * 3 * HIDDEN).map(noise).collect();
        let mut out = vec![0.0; len * HIDDEN];
        let mut scratch = AttentionScratch::default();
        let time = time(|| attention(kernel, &qkv, &[0, len], heads, &mut out, &mut scratch));
        println!("  attention over {len}: {}", ms(time));
        if len == tokens {
            rest = add(rest, time);
        }
    }
    let x: Vec<f32> = (0..tokens * HIDDEN).map(noise).collect();
    let (gamma, beta) = (&x[..HIDDEN], &x[HIDDEN..2 * HIDDEN]);
    let params = NormParams { gamma, beta, eps: 1e-12 };
    let mut out = vec![0.0; tokens * HIDDEN];
    let time = time(|| add_norm(kernel, [&x, &x], params, &mut out));
    println!("  add_norm: {}", ms(time));
    let rest = add(rest, time.map(|ms| 2.0 * ms));
    let layers = add(products, rest).map(|ms| LAYERS * ms);
    println!("  six layers of {tokens} tokens: {}", ms(layers));
    println!("    of which products: {}", ms(products.map(|ms| LAYERS * ms)));
}

/// The median and the best of enough runs to fill about half a second, in milliseconds. On a
/// machine that others use as well, the best is the steadier figure.
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

/// A float of -1..1 that looks random.
fn noise(i: usize) -> f32 {
    let hash = (i as u32 ^ 0x5bd1_e995).wrapping_mul(0x9e37_79b1);
    let hash = (hash ^ hash >> 15).wrapping_mul(0x85eb_ca6b);
    (hash ^ hash >> 13) as f32 / 2_147_483_648.0 - 1.0
}
