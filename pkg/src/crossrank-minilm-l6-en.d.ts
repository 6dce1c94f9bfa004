declare module "crossrank-minilm-l6-en" {
  export const name: string;
  export const files: import("../types/index.js").ModelPackage["files"];
}
