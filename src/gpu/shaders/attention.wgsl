// Softmax attention within sequences, in one pass over the keys. It keeps the largest score, the sum
// and the weighted values so far (Milakov and Gimelshein 2018, arXiv:1805.02867).
//
// A workgroup computes 32 queries of a sequence in one head. An invocation has one query and a slice
// of 16 elements of the head. Its part of a score goes through workgroup memory to the invocations
// with the other slices of the query.

alias Real = f32;

// The width of a token and of a head: multiples of 4.
const HIDDEN = 384u;
const DIM = 32u;
// The slices of a head, and the keys of a tile. Together they must fit 16 KiB of workgroup memory.
const SLICES = 2u;
const KEYS = 16u;

const SCALE = 0.17677669;
const QUERIES = 32u;
// Lower than every score. WGSL has no infinity.
const LOWEST = -1e30;

// For each workgroup: where its sequence starts and ends, and its first query.
@group(0) @binding(0) var<storage, read> blocks: array<vec4<u32>>;
// [tokens, query key value]
@group(0) @binding(1) var<storage, read> qkv: array<vec4<Real>>;
@group(0) @binding(2) var<storage, read_write> out: array<vec4<Real>>;

// [KEYS, SLICES, 4 vectors of four], zero beyond DIM and beyond the sequence.
var<workgroup> keys: array<vec4<Real>, KEYS * SLICES * 4u>;
var<workgroup> values: array<vec4<Real>, KEYS * SLICES * 4u>;
// [SLICES, KEYS / 4, QUERIES]: the parts of the scores of four keys.
var<workgroup> parts: array<vec4<f32>, SLICES * KEYS / 4u * QUERIES>;

@compute @workgroup_size(QUERIES * SLICES)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) index: u32,
) {
    let block = blocks[group.x];
    let end = block.y;
    let head = group.y;
    let slice = index / QUERIES;
    let own = index % QUERIES;
    let token = block.z + own;

    var query = mat4x4<f32>();
    if (token < end) {
        query = mat4x4<f32>(
            load_query(token, head, slice * 4u),
            load_query(token, head, slice * 4u + 1u),
            load_query(token, head, slice * 4u + 2u),
            load_query(token, head, slice * 4u + 3u),
        );
    }

    var largest = LOWEST;
    var sum = 0.0;
    var context = mat4x4<f32>();
    for (var first = block.x; first < end; first += KEYS) {
        for (var i = index; i < KEYS * SLICES * 4u; i += QUERIES * SLICES) {
            let key = first + i / (SLICES * 4u);
            let four = i % (SLICES * 4u);
            keys[i] = load(key, end, 1u, head, four);
            values[i] = load(key, end, 2u, head, four);
        }
        workgroupBarrier();

        for (var four = 0u; four < KEYS / 4u; four++) {
            parts[(slice * (KEYS / 4u) + four) * QUERIES + own] = vec4<f32>(
                part_of_score(query, four * 4u, slice),
                part_of_score(query, four * 4u + 1u, slice),
                part_of_score(query, four * 4u + 2u, slice),
                part_of_score(query, four * 4u + 3u, slice),
            );
        }
        workgroupBarrier();

        for (var four = 0u; four < KEYS / 4u; four++) {
            var scores = vec4<f32>();
            for (var s = 0u; s < SLICES; s++) {
                scores += parts[(s * (KEYS / 4u) + four) * QUERIES + own];
            }
            let key = vec4<u32>(first + four * 4u) + vec4<u32>(0u, 1u, 2u, 3u);
            scores = select(vec4<f32>(LOWEST), scores, key < vec4<u32>(end));
            let above = max(
                largest,
                max(max(scores.x, scores.y), max(scores.z, scores.w)),
            );
            let fade = exp(largest - above);
            let weights = exp(scores - vec4<f32>(above));
            largest = above;
            sum = sum * fade + dot(weights, vec4<f32>(1.0));
            context = context * fade
                + value(four * 4u, slice) * weights.x
                + value(four * 4u + 1u, slice) * weights.y
                + value(four * 4u + 2u, slice) * weights.z
                + value(four * 4u + 3u, slice) * weights.w;
        }
        workgroupBarrier();
    }

    if (token < end) {
        let result = context * (1.0 / sum);
        store(token, head, slice * 4u, result[0]);
        store(token, head, slice * 4u + 1u, result[1]);
        store(token, head, slice * 4u + 2u, result[2]);
        store(token, head, slice * 4u + 3u, result[3]);
    }
}

fn load_query(token: u32, head: u32, four: u32) -> vec4<f32> {
    return SCALE * vec4<f32>(load(token, token + 1u, 0u, head, four));
}

// Four elements of a token's query (0), key (1) or value (2).
fn load(token: u32, end: u32, which: u32, head: u32, four: u32) -> vec4<Real> {
    if (token < end && four < DIM / 4u) {
        return qkv[(token * 3u + which) * (HIDDEN / 4u) + head * (DIM / 4u) + four];
    }
    return vec4<Real>();
}

fn part_of_score(query: mat4x4<f32>, key: u32, slice: u32) -> f32 {
    let at = (key * SLICES + slice) * 4u;
    return dot(query[0], vec4<f32>(keys[at]))
        + dot(query[1], vec4<f32>(keys[at + 1u]))
        + dot(query[2], vec4<f32>(keys[at + 2u]))
        + dot(query[3], vec4<f32>(keys[at + 3u]));
}

fn value(key: u32, slice: u32) -> mat4x4<f32> {
    let at = (key * SLICES + slice) * 4u;
    return mat4x4<f32>(
        vec4<f32>(values[at]),
        vec4<f32>(values[at + 1u]),
        vec4<f32>(values[at + 2u]),
        vec4<f32>(values[at + 3u]),
    );
}

fn store(token: u32, head: u32, four: u32, result: vec4<f32>) {
    if (four < DIM / 4u) {
        out[token * (HIDDEN / 4u) + head * (DIM / 4u) + four] = vec4<Real>(result);
    }
}
