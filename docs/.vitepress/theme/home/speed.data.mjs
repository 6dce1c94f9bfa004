import { newestRecord, ratioOf } from "../benchmarks/record.mjs";

export default {
  load() {
    const record = newestRecord();
    const chosen = "Chromium, the build that is chosen";
    return {
      web: ratioOf(record, chosen, "onnxruntime-web"),
      transformers: ratioOf(record, chosen, "transformers.js"),
      native: ratioOf(record, "native, DL19", "onnxruntime-node, length-sorted"),
    };
  },
};
