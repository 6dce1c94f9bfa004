// The model's files, with their lengths and hashes. `new URL` has the form that bundlers recognize, so
// that they include the files. It is in getters, because it throws where `import.meta.url` has no value.

export const name = "crossrank-minilm-l6-en";

export const files = {
  onnx: {
    get url() {
      return new URL("./onnx/model_quantized.onnx", import.meta.url);
    },
    bytes: 23160685,
    sha256: "f9961201ce543c0a8da4ffdfa7340db09ef0d5f3615d8a5f2a0a1cd42834a52f",
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
    bytes: 800,
    sha256: "f0e886e3d041b325f1d47c886ecd522ce2fe0fe33686c4d9bd9240c2b72c4472",
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
