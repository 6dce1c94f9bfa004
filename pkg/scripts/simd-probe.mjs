// Prints the module dist/runtime/simd-probe.js: a small WebAssembly module whose loops are those of
// the kernels in src/kernels/isa, without the rest of them. The times of the loops tell which of the
// package's WebAssembly files is faster in this engine.

import createWabt from "wabt";

const ROWS = 4;
const INPUTS = 128;
/** Where activations and weights begin, in bytes of one input each, and in 16 bits each. */
const ACTS = { 1: 0, 2: 0x4000 };
const WEIGHTS = { 1: 0x1000, 2: 0x2000 };

const list = (count, text) => Array.from({ length: count }, (_, i) => text(i));
const get = (name) => `(local.get $${name})`;
const set = (name, value) => `(local.set $${name} ${value})`;

/**
 * A function that multiplies a tile of four rows and eight columns, as often as its argument says, and
 * returns the sum of all products. One turn of its loop takes `groups` times four bytes of each row.
 */
function tiles(name, { inputBytes, groups, add }) {
  const rowBytes = INPUTS * inputBytes;
  const sums = list(ROWS, (r) => [`s${r}0`, `s${r}1`]).flat();
  const factors = list(groups, (g) => [`q${g}`, `w${g}0`, `w${g}1`]).flat();
  const weightsOf = (g, half) =>
    `(v128.load offset=${WEIGHTS[inputBytes] + 32 * g + 16 * half} (i32.shl ${get("at")} (i32.const 3)))`;
  const actsOf = (g, row) =>
    `(v128.load32_splat offset=${ACTS[inputBytes] + row * rowBytes + 4 * g} ${get("at")})`;
  const addTo = (sum, half) =>
    set(sum, add(get(sum), ...list(groups, (g) => [get(`q${g}`), get(`w${g}${half}`)])));
  const lane = (i) => `(i32x4.extract_lane ${i} ${get(sums[0])})`;
  return `
    (func (export "${name}") (param $count i32) (result i32)
      (local $at i32) ${[...sums, ...factors].map((name) => `(local $${name} v128)`).join(" ")}
      (loop $tile
        ${set("at", "(i32.const 0)")}
        (loop $turn
          ${list(groups, (g) => set(`w${g}0`, weightsOf(g, 0)) + set(`w${g}1`, weightsOf(g, 1))).join(" ")}
          ${list(ROWS, (r) => [
            ...list(groups, (g) => set(`q${g}`, actsOf(g, r))),
            ...[0, 1].map((half) => addTo(`s${r}${half}`, half)),
          ])
            .flat()
            .join(" ")}
          ${set("at", `(i32.add ${get("at")} (i32.const ${4 * groups}))`)}
          (br_if $turn (i32.lt_u ${get("at")} (i32.const ${rowBytes}))))
        ${set("count", `(i32.sub ${get("count")} (i32.const 1))`)}
        (br_if $tile ${get("count")}))
      ${set(
        sums[0],
        sums.map(get).reduce((a, b) => `(i32x4.add ${a} ${b})`),
      )}
      ${list(4, lane).reduce((a, b) => `(i32.add ${a} ${b})`)})`;
}

const dot = (sum, [acts, weights]) => `(i32x4.relaxed_dot_i8x16_i7x16_add_s ${weights} ${acts} ${sum})`;
const words = ([acts, weights]) => `(i16x8.relaxed_dot_i8x16_i7x16_s ${weights} ${acts})`;

const text = `(module
  (memory (export "memory") 1)

  ;; Whether extreme and mixed bytes are multiplied correctly.
  (func (export "isCorrect") (result i32)
    (i32x4.all_true (i32x4.eq
      (i32x4.relaxed_dot_i8x16_i7x16_add_s
        (v128.const i8x16 -128 127 -1 1 85 -45 0 -111 -128 -128 -128 -128 127 127 127 127)
        (v128.const i8x16 127 127 0 64 1 99 127 126 127 127 127 127 127 127 127 127)
        (i32x4.splat (i32.const 7)))
      (v128.const i32x4 -56 -18349 -65017 64523))))

  ;; Whether the 32-bit dot product adds 16-bit ones that saturate, as by pmaddubsw. If it does, the kernel
  ;; adds the 16-bit ones itself.
  (func (export "isMaddubs") (result i32)
    (i32.eq (i32.const -65536) (i32x4.extract_lane 0
      (i32x4.relaxed_dot_i8x16_i7x16_add_s
        (i8x16.splat (i32.const -128)) (i8x16.splat (i32.const -1)) (i32x4.splat (i32.const 0))))))

  ${tiles("simd128", {
    inputBytes: 2,
    groups: 1,
    add: (sum, [acts, weights]) => `(i32x4.add ${sum} (i32x4.dot_i16x8_s ${acts} ${weights}))`,
  })}
  ${tiles("dot", { inputBytes: 1, groups: 1, add: dot })}
  ${tiles("maddubs", {
    inputBytes: 1,
    groups: 2,
    add: (sum, a, b) =>
      `(i32x4.add ${sum} (i32x4.extadd_pairwise_i16x8_s (i16x8.add ${words(a)} ${words(b)})))`,
  })}
)`;

const wabt = await createWabt();
const module = wabt.parseWat("simd-probe.wat", text, { simd: true, relaxed_simd: true });
const { buffer } = module.toBinary({});
console.log(`export const SIMD_PROBE = "${Buffer.from(buffer).toString("base64")}";`);
