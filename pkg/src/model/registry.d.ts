// Types of the module that scripts/registry.mjs makes from src/hub/registry.json.

export interface RegisteredModel {
  /** The name and its aliases. */
  names: string[];
  task: "rerank" | "embed";
  /** The model is the package `crossrank-` plus its name, and has no repository. */
  bundled?: true;
  /** The repository that holds the model as ONNX. */
  repository?: string;
  /** The paths that the graph may have there, in order of preference. */
  graphs: string[];
}

export declare const REGISTRY: RegisteredModel[];
