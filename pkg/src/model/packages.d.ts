declare module "crossrank-minilm-l6-en" {
  export const name: string;
  export const files: import("../../types/index.js").ModelPackage["files"];
}

declare module "crossrank-all-minilm-l6-v2" {
  export const name: string;
  export const files: import("../../types/index.js").ModelPackage["files"];
}
