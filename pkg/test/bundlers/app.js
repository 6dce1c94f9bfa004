// The app that each bundler builds. The model is the default one.
import { Reranker } from "crossrank";
import { rankWith } from "./rank.js";

globalThis.rank = rankWith(Reranker);
