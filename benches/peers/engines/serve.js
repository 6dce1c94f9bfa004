// One engine behind four requests, which every runtime answers.
//
//   {op: "load", engine, ...options} -> {kernel}, where the engine names it
//   {op: "tune", pairs, sizes}       -> {batch}
//   {op: "prepare", pairs}           -> {}
//   {op: "run"}                      -> {ms_total, ms_tokenize, ms_score, logits}

export function serve() {
  let loaded;
  return async ({ op, ...rest }) => {
    switch (op) {
      case "load":
        loaded = await (await import(`./${rest.engine}.js`)).load(rest);
        return { kernel: loaded.kernel };
      case "tune":
        return loaded.tune(rest.pairs, rest.sizes);
      case "prepare":
        loaded.prepare(rest.pairs);
        return {};
      case "run":
        return loaded.run();
      default:
        throw new Error(`unknown request ${op}`);
    }
  };
}
