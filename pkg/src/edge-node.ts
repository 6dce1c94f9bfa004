import { readFile } from "node:fs/promises";
import { createHandlerFactory } from "./edge/handler.js";

/** For node, Deno and Bun, which have node's file system. */
export const createHandler = createHandlerFactory(async () =>
  WebAssembly.compile(await readFile(new URL("crossrank-edge.wasm", import.meta.url))),
);
