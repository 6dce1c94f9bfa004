// The model's files, with their lengths and hashes. `new URL` has the form that bundlers recognize, so
// that they include the files. It is in getters, because it throws where `import.meta.url` has no value.

export const name = "crossrank-all-minilm-l6-v2";

export const files = {
  prepared: {
    get url() {
      return new URL("./model.crossrank", import.meta.url);
    },
    bytes: 16007797,
    sha256: "aa029dfe3fb9a85222e867b95577a1dd6f761b7276ce9823892e57cc1d03c8c2",
  },
};

export default { name, files };
