// The tokenizer that JavaScript users of ONNX Runtime usually take, that of transformers.js.

import { AutoTokenizer, env } from "@huggingface/transformers";

/** Points transformers.js at local files. Returns the name under which it finds the model folder. */
export function useLocalFolder(folder) {
  const cut = folder.lastIndexOf("/");
  env.allowRemoteModels = false;
  env.allowLocalModels = true;
  env.useBrowserCache = false;
  env.localModelPath = folder.slice(0, cut + 1);
  return folder.slice(cut + 1);
}

export function loadTokenizer(folder) {
  return AutoTokenizer.from_pretrained(useLocalFolder(folder));
}

/** The unpadded ids of all pairs, as plain arrays. */
export function encode(tokenizer, pairs) {
  return tokenizer(
    pairs.map(([query]) => query),
    { text_pair: pairs.map(([, document]) => document), padding: false, truncation: true, return_tensor: false },
  );
}
