// The sum of the embeddings of a token: the token's own, its position's and its token type's. An
// invocation computes four elements of a token.

alias Real = f32;

// The width of a token: a multiple of 4.
const HIDDEN = 384u;
// Whether each u32 of `tokens` holds four int8 elements. Otherwise it holds one float.
const INT8 = true;

// For each token: a row of `tokens`, two rows of `others`, and the scale of its row of `tokens`.
@group(0) @binding(0) var<storage, read> rows: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read> tokens: array<u32>;
// The scales of `tokens`, their zero points, and then positions and token types.
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
    let sum = bitcast<f32>(row.w) * token(row.x * width + four, four) + others[row.y * width + four] + others[row.z * width + four];
    out[id.x] = vec4<Real>(sum);
}

fn token(at: u32, four: u32) -> vec4<f32> {
    if (INT8) {
        let q = bitcast<vec4<i32>>(vec4<u32>(tokens[at]) << vec4<u32>(24u, 16u, 8u, 0u)) >> vec4<u32>(24u);
        return others[four] * (vec4<f32>(q) - others[HIDDEN / 4u + four]);
    }
    let first = at * 4u;
    return bitcast<vec4<f32>>(vec4<u32>(tokens[first], tokens[first + 1u], tokens[first + 2u], tokens[first + 3u]));
}
