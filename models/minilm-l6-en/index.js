// The model's files, with their lengths and hashes. `new URL` has the form that bundlers recognize, so
// that they include the files. It is in getters, because it throws where `import.meta.url` has no value.

export const name = "crossrank-minilm-l6-en";

export const files = {
  prepared: {
    get url() {
      return new URL("./model.crossrank", import.meta.url);
    },
    bytes: 13506225,
    sha256: "de18282acf815136b9feca1dbf704126a8811df45dca236363ae5e5f6d052326",
  },
};

export default { name, files };
