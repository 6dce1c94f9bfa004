// The model's files, with their lengths and hashes. `new URL` has the form that bundlers recognize, so
// that they include the files. It is in getters, because it throws where `import.meta.url` has no value.

export const name = "crossrank-minilm-l6-en";

export const files = {
  prepared: {
    get url() {
      return new URL("./model.crossrank", import.meta.url);
    },
    bytes: 13984589,
    sha256: "edbb3c4b4eedbe42eeb57cde7b497dba9f5f94990e27ccf684c64d2cddf0dd47",
  },
};

export default { name, files };
