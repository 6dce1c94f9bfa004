// The model's files, with their lengths and hashes. `new URL` has the form that bundlers recognize, so
// that they include the files. It is in getters, because it throws where `import.meta.url` has no value.

export const name = "crossrank-all-minilm-l6-v2";

export const files = {
  onnx: {
    get url() {
      return new URL("./onnx/model_quantized.onnx", import.meta.url);
    },
    bytes: 22989179,
    sha256: "9d5ed2a67906e26c22851abeeed1c5b88ee175f579b7f696f8eb6f45f94b7969",
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
    bytes: 619,
    sha256: "9478bda92122c7081db3274f958645251653e6c543af9af05ad48a22bb63ea19",
  },
  tokenizerConfig: {
    get url() {
      return new URL("./tokenizer_config.json", import.meta.url);
    },
    bytes: 365,
    sha256: "edc38d65a7cd2340f27ffd072a83568bff3548e11b1dde6129f25e403eff78f8",
  },
  pooling: {
    get url() {
      return new URL("./pooling.json", import.meta.url);
    },
    bytes: 69,
    sha256: "95e34c6839fe3b24ff787531750fb6df207570e2148654d2ca166d79b2ceccf8",
  },
};

export default { name, files };
