// What the modules of blocks may import that has no types of its own.

declare module "*.css";
declare module "*.vue" {
  const component: import("vue").Component;
  export default component;
}
declare module "*.wasm";
declare module "*.crossrank";
declare module "*?url" {
  const url: string;
  export default url;
}
declare module "*?worker" {
  const Constructor: new () => Worker;
  export default Constructor;
}
// Pages without a bundler name the files.
declare module "*/crossrank/dist/web.js" {
  export * from "crossrank";
}
declare module "*/crossrank-minilm-l6-en/index.js" {
  export * from "crossrank-minilm-l6-en";
}
declare module "*/crossrank-all-minilm-l6-v2/index.js" {
  export * from "crossrank-all-minilm-l6-v2";
}
