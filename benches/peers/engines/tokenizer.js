// The tokenizer of transformers.js, which JavaScript users of ONNX Runtime use.

import { AutoTokenizer, env } from "@huggingface/transformers";

/** Points transformers.js at local files; returns the name that it knows the model folder by. */
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

/** Unpadded ids of all pairs, as plain arrays. */
export function encode(tokenizer, pairs) {
  return tokenizer(
    pairs.map(([query]) => query),
    {
      text_pair: pairs.map(([, document]) => document),
      padding: false,
      truncation: true,
      return_tensor: false,
    },
  );
}
