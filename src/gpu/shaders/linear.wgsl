// A linear layer: `activation(x w + bias)` for each token. With `ADD` it is added to `out`.
//
// A workgroup computes a tile of 64 tokens by a panel of 64 columns. Each invocation computes the
// values of eight tokens in four columns. Sixteen inputs of the tile and of the panel at a time are in
// workgroup memory, so each number that is read serves 64 products. The products of these sixteen are
// summed in `Real`, because some hardware has twice as many 16-bit lanes. These sums are added in f32.

alias Real = f32;

// The width of a token in `x` and in `out`: multiples of 4.
const INPUTS = 384u;
const OUTPUTS = 384u;
// 0: none. 1: GELU in its erf form. 2: its approximation by tanh. 3: ReLU. 4: tanh.
const ACTIVATION = 0u;
const ADD = false;
// Whether each u32 of `weights` holds four int8 weights. Otherwise it holds one float.
const INT8 = true;

struct Columns {
    scale: vec4<f32>,
    zero_point: vec4<f32>,
    bias: vec4<f32>,
}

@group(0) @binding(0) var<storage, read> x: array<vec4<Real>>;
// [panels, inputs, 64 columns], with zeros after the last column and up to a multiple of 16 inputs.
@group(0) @binding(1) var<storage, read> weights: array<u32>;
@group(0) @binding(2) var<storage, read> columns: array<Columns>;
@group(0) @binding(3) var<storage, read_write> out: array<vec4<Real>>;

// [64 tokens, 16 inputs] and [16 inputs, 64 columns], each row as vectors of four.
var<workgroup> tile: array<vec4<Real>, 256>;
var<workgroup> panel: array<vec4<Real>, 256>;

@compute @workgroup_size(128)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) index: u32,
) {
    let tokens = arrayLength(&x) / (INPUTS / 4u);
    let first = group.y * 64u;
    let column = index % 16u;
    let row = index / 16u;
    let parameters = columns[group.x * 16u + column];
    let inputs = (INPUTS + 15u) / 16u * 16u;

    var sum0 = vec4<f32>();
    var sum1 = vec4<f32>();
    var sum2 = vec4<f32>();
    var sum3 = vec4<f32>();
    var sum4 = vec4<f32>();
    var sum5 = vec4<f32>();
    var sum6 = vec4<f32>();
    var sum7 = vec4<f32>();
    for (var input = 0u; input < inputs; input += 16u) {
        let x_row = first + index / 4u;
        let x_input = input / 4u + index % 4u;
        tile[index] = load_x(x_row, x_input, tokens);
        tile[index + 128u] = load_x(x_row + 32u, x_input, tokens);
        let weight = ((group.x * inputs + input) + row) * 16u + column;
        panel[index] = load_weights(weight, parameters.zero_point);
        panel[index + 128u] = load_weights(weight + 128u, parameters.zero_point);
        workgroupBarrier();

        var part0 = vec4<Real>();
        var part1 = vec4<Real>();
        var part2 = vec4<Real>();
        var part3 = vec4<Real>();
        var part4 = vec4<Real>();
        var part5 = vec4<Real>();
        var part6 = vec4<Real>();
        var part7 = vec4<Real>();
        for (var four = 0u; four < 4u; four++) {
            let at = four * 64u + column;
            let w = mat4x4<Real>(panel[at], panel[at + 16u], panel[at + 32u], panel[at + 48u]);
            let token = row * 4u + four;
            part0 += w * tile[token];
            part1 += w * tile[token + 32u];
            part2 += w * tile[token + 64u];
            part3 += w * tile[token + 96u];
            part4 += w * tile[token + 128u];
            part5 += w * tile[token + 160u];
            part6 += w * tile[token + 192u];
            part7 += w * tile[token + 224u];
        }
        sum0 += vec4<f32>(part0);
        sum1 += vec4<f32>(part1);
        sum2 += vec4<f32>(part2);
        sum3 += vec4<f32>(part3);
        sum4 += vec4<f32>(part4);
        sum5 += vec4<f32>(part5);
        sum6 += vec4<f32>(part6);
        sum7 += vec4<f32>(part7);
        workgroupBarrier();
    }

    let at = group.x * 16u + column;
    let token = first + row;
    finish(token, at, tokens, sum0 * parameters.scale + parameters.bias);
    finish(token + 8u, at, tokens, sum1 * parameters.scale + parameters.bias);
    finish(token + 16u, at, tokens, sum2 * parameters.scale + parameters.bias);
    finish(token + 24u, at, tokens, sum3 * parameters.scale + parameters.bias);
    finish(token + 32u, at, tokens, sum4 * parameters.scale + parameters.bias);
    finish(token + 40u, at, tokens, sum5 * parameters.scale + parameters.bias);
    finish(token + 48u, at, tokens, sum6 * parameters.scale + parameters.bias);
    finish(token + 56u, at, tokens, sum7 * parameters.scale + parameters.bias);
}

// Four inputs of a token, zero beyond the last.
fn load_x(token: u32, four: u32, tokens: u32) -> vec4<Real> {
    if (token < tokens && four < INPUTS / 4u) {
        return x[token * (INPUTS / 4u) + four];
    }
    return vec4<Real>();
}

// Four columns of an input. For int8 it is `(q - zero_point) / 128`, which f16 holds exactly. Products
// of that stay far below the largest f16. The scale makes up for the division.
fn load_weights(four: u32, zero_point: vec4<f32>) -> vec4<Real> {
    if (INT8) {
        let word = weights[four];
        let q = bitcast<vec4<i32>>(vec4<u32>(word) << vec4<u32>(24u, 16u, 8u, 0u)) >> vec4<u32>(24u);
        return vec4<Real>((vec4<f32>(q) - zero_point) * (1.0 / 128.0));
    }
    let at = four * 4u;
    let words = vec4<u32>(weights[at], weights[at + 1u], weights[at + 2u], weights[at + 3u]);
    return vec4<Real>(bitcast<vec4<f32>>(words));
}

fn finish(token: u32, four: u32, tokens: u32, y: vec4<f32>) {
    if (token < tokens && four < OUTPUTS / 4u) {
        let at = token * (OUTPUTS / 4u) + four;
        var result = activate(y);
        if (ADD) {
            result += vec4<f32>(out[at]);
        }
        out[at] = vec4<Real>(result);
    }
}

fn activate(y: vec4<f32>) -> vec4<f32> {
    if (ACTIVATION == 1u) {
        return gelu(y);
    }
    if (ACTIVATION == 2u) {
        return y * (0.5 + 0.5 * bounded_tanh(0.7978846 * (y + 0.044715 * y * y * y)));
    }
    if (ACTIVATION == 3u) {
        return max(y, vec4<f32>());
    }
    if (ACTIVATION == 4u) {
        return bounded_tanh(y);
    }
    if (ACTIVATION == 5u) {
        return y * (0.5 + 0.5 * bounded_tanh(0.5 * y));
    }
    return y;
}

// The tanh of some drivers overflows. From 10 on it is 1 in f32.
fn bounded_tanh(y: vec4<f32>) -> vec4<f32> {
    return tanh(clamp(y, vec4<f32>(-10.0), vec4<f32>(10.0)));
}

// `y/2 (1 + erf(y / sqrt 2))`, which is `max(y, 0) - |y|/2 erfc(|y| / sqrt 2)`. The complementary
// error function is approximated by 7.1.26 of Abramowitz and Stegun, with an error of 1.5e-7.
fn gelu(y: vec4<f32>) -> vec4<f32> {
    let magnitude = abs(y);
    let t = 1.0 / (1.0 + magnitude * (0.3275911 * 0.70710678));
    let polynomial =
        ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
    let tail = 0.5 * polynomial * exp(-0.5 * magnitude * magnitude);
    return max(y, vec4<f32>()) - magnitude * tail;
}
