import { readFile } from "node:fs/promises";
import { define } from "./edge.js";

/** Node, Deno and Bun have node's file system. */
export const createHandler = define(async () =>
  WebAssembly.compile(await readFile(new URL("crossrank-edge.wasm", import.meta.url))),
);
