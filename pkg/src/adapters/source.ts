// Models that are given to an adapter, or are loaded when it first needs one.

import { CrossrankError } from "crossrank";
import type { Source } from "../../types/source.js";
import { describeValue } from "../core/validate.js";

/** The models that functions have loaded or are loading. */
const loaded = new WeakMap<object, Promise<unknown>>();

/** Gives a function that resolves to the model. A model is known by its `method`. */
export function modelOf<M extends object>(source: Source<M>, method: keyof M & string): () => Promise<M> {
  if (typeof source !== "function") {
    const model = checkModel(source, method);
    return async () => model;
  }
  return async () => {
    const started = loaded.get(source);
    if (started) return started as Promise<M>;
    const loading = (async () => checkModel(await source(), method))();
    loaded.set(source, loading);
    loading.catch(() => loaded.delete(source));
    return loading;
  };
}

/** Checks and returns a model. */
export function checkModel<M>(model: M, method: keyof M & string): M {
  if (typeof model?.[method] === "function") return model;
  const [name, type] = method === "rerank" ? ["reranker", "a Reranker"] : ["embedder", "an Embedder"];
  const advice = `give ${type}, or another object with the method "${method}"`;
  throw invalidArgument(`the ${name} is ${describeValue(model)}; ${advice}`);
}

/** An error of the class that the main entry exports. */
export function invalidArgument(message: string): CrossrankError {
  return new CrossrankError("invalid-argument", message);
}

/** Vectors as the frameworks take them. */
export function plainVectors(vectors: Float32Array[]): number[][] {
  return vectors.map((vector) => Array.from(vector));
}
