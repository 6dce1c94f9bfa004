// The model's files, with their lengths and hashes. `new URL` has the form that bundlers recognize, so
// that they include the files. It is in getters, because it throws where `import.meta.url` has no value.

export const name = "crossrank-minilm-l6-en";

export const files = {
  onnx: {
    get url() {
      return new URL("./onnx/model_quantized.onnx", import.meta.url);
    },
    bytes: 23160685,
    sha256: "98b83ce9d514a7f8ddf113e3f40b4172ffa057c5b6f88e69998c52ca2cdf0fa1",
  },
  tokenizer: {
    get url() {
      return new URL("./tokenizer.json", import.meta.url);
    },
    bytes: 711396,
    sha256: "ad3a0d445d3e88c2f679eb9d309cf0f6dd4e6325f559bb815490c935c57e0d24",
  },
  config: {
    get url() {
      return new URL("./config.json", import.meta.url);
    },
    bytes: 778,
    sha256: "5fed83da4512818c61b511b4a2437b970bd9bd1ac083b26ff40f3234e7d1bc50",
  },
  tokenizerConfig: {
    get url() {
      return new URL("./tokenizer_config.json", import.meta.url);
    },
    bytes: 365,
    sha256: "edc38d65a7cd2340f27ffd072a83568bff3548e11b1dde6129f25e403eff78f8",
  },
};

export default { name, files };
