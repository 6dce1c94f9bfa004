// One vector for each sequence: the mean of the states of its tokens, or the first of them.

alias Real = f32;

// The width of a token: a multiple of 4.
const HIDDEN = 384u;
const MEAN = false;

// Where each sequence starts and ends.
@group(0) @binding(0) var<storage, read> sequences: array<vec2<u32>>;
@group(0) @binding(1) var<storage, read> states: array<vec4<Real>>;
@group(0) @binding(2) var<storage, read_write> out: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) index: u32,
) {
    let width = HIDDEN / 4u;
    let sequence = sequences[group.x];
    let end = select(sequence.x + 1u, sequence.y, MEAN);
    for (var four = index; four < width; four += 64u) {
        var sum = vec4<f32>();
        for (var token = sequence.x; token < end; token++) {
            sum += vec4<f32>(states[token * width + four]);
        }
        out[group.x * width + four] = sum / f32(end - sequence.x);
    }
}
