// The model's files, with their lengths and hashes. `new URL` has the form that bundlers recognize, so
// that they include the files. It is in getters, because it throws where `import.meta.url` has no value.

export const name = "crossrank-minilm-l6-en";

export const files = {
  prepared: {
    get url() {
      return new URL("./model.crossrank", import.meta.url);
    },
    bytes: 13984589,
    sha256: "21938a20c2a9e995a1715a8d67f04142514a23f10de9e26b50d08fbcee40b833",
  },
};

export default { name, files };
