// Types of what scripts/build.sh generates from src/hub/registry.json: what loading needs of it.

export interface KnownModel {
  /** Its name and its aliases. */
  names: string[];
  task: "rerank" | "embed";
  /** It is a package, `crossrank-` and its name, and in no repository. */
  bundled?: true;
  /** Where it is as ONNX. */
  repository?: string;
  /** Where its graph may lie there, in the order of preference. */
  graphs: string[];
}

export const KNOWN: KnownModel[];
