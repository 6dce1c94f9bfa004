/** A file of this package. */
export interface ModelFile {
  url: URL;
  /** The file's length in bytes. */
  bytes: number;
  /** The file's SHA-256 in hexadecimal. */
  sha256: string;
}

/** The package's name. */
export const name: "crossrank-all-minilm-l6-v2";

/** The model, which is one prepared file. */
export const files: { prepared: ModelFile };

declare const model: { name: typeof name; files: typeof files };
export default model;
