// The sum of a token's embeddings: of its word, its position and its segment. An invocation makes
// four elements of a token.

alias Real = f32;

// The width of a token: a multiple of 4.
const HIDDEN = 384u;
// Words are four elements to a word of 32 bits, or else a float each.
const INT8 = true;

// Of each token: rows of `words`, and of `others` twice; and a scale, which its word may have.
@group(0) @binding(0) var<storage, read> rows: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read> words: array<u32>;
// The words' scales, their zero points, and then positions and segments.
@group(0) @binding(2) var<storage, read> others: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> out: array<vec4<Real>>;

@compute @workgroup_size(128)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let width = HIDDEN / 4u;
    if (id.x >= arrayLength(&out)) {
        return;
    }
    let row = rows[id.x / width];
    let four = id.x % width;
    let sum = bitcast<f32>(row.w) * word(row.x * width + four, four) + others[row.y * width + four] + others[row.z * width + four];
    out[id.x] = vec4<Real>(sum);
}

fn word(at: u32, four: u32) -> vec4<f32> {
    if (INT8) {
        let q = bitcast<vec4<i32>>(vec4<u32>(words[at]) << vec4<u32>(24u, 16u, 8u, 0u)) >> vec4<u32>(24u);
        return others[four] * (vec4<f32>(q) - others[HIDDEN / 4u + four]);
    }
    let first = at * 4u;
    return bitcast<vec4<f32>>(vec4<u32>(words[first], words[first + 1u], words[first + 2u], words[first + 3u]));
}
