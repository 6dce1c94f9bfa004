// Layer normalization in place: `(x - mean) / sqrt(variance + eps) * gamma + beta`, with the biased
// variance. A workgroup has eight tokens, with sixteen invocations for each.

alias Real = f32;

// The width of a token: a multiple of 4.
const HIDDEN = 384u;
const EPS = 1e-12;

const LANES = 16u;
const TOKENS = 8u;

@group(0) @binding(0) var<storage, read_write> states: array<vec4<Real>>;
// gamma, then beta.
@group(0) @binding(1) var<storage, read> parameters: array<vec4<f32>>;

var<workgroup> parts: array<f32, LANES * TOKENS>;

@compute @workgroup_size(LANES * TOKENS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) index: u32,
) {
    let width = HIDDEN / 4u;
    let lane = index % LANES;
    let token = group.x * TOKENS + index / LANES;
    let start = token * width;
    // Invocations without a token read nothing, but must reach the barriers.
    let fours = select(0u, width, token < arrayLength(&states) / width);

    var part = vec4<f32>();
    for (var i = lane; i < fours; i += LANES) {
        part += vec4<f32>(states[start + i]);
    }
    let mean = total(index, part) / f32(HIDDEN);

    var squares = vec4<f32>();
    for (var i = lane; i < fours; i += LANES) {
        let difference = vec4<f32>(states[start + i]) - vec4<f32>(mean);
        squares += difference * difference;
    }
    let scale = inverseSqrt(total(index, squares) / f32(HIDDEN) + EPS);

    for (var i = lane; i < fours; i += LANES) {
        let normal = (vec4<f32>(states[start + i]) - vec4<f32>(mean)) * scale;
        states[start + i] = vec4<Real>(normal * parameters[i] + parameters[width + i]);
    }
}

// The sum over the lanes of a token.
fn total(index: u32, part: vec4<f32>) -> f32 {
    workgroupBarrier();
    parts[index] = dot(part, vec4<f32>(1.0));
    workgroupBarrier();
    let first = index / LANES * LANES;
    var sum = 0.0;
    for (var i = 0u; i < LANES; i++) {
        sum += parts[first + i];
    }
    return sum;
}
