// The model's files, with their lengths and hashes. `new URL` has the form that bundlers recognize, so
// that they include the files. It is in getters, because it throws where `import.meta.url` has no value.

export const name = "crossrank-all-minilm-l6-v2";

export const files = {
  prepared: {
    get url() {
      return new URL("./model.crossrank", import.meta.url);
    },
    bytes: 16486161,
    sha256: "4e8c53c54f8ed42b335a0d32fb33f091d2f8c12c499ba0bd61dd25d1e152f943",
  },
};

export default { name, files };
