// Next's webpack, unlike Turbopack, gives files on the server the addresses that pages have.
const packages = ["crossrank", "crossrank-minilm-l6-en"];
export default process.env.BUNDLER === "webpack" ? { serverExternalPackages: packages } : {};
