export default {
  output: "standalone",
  serverExternalPackages: ["crossrank", "crossrank-minilm-l6-en"],
};
