import { runHere } from "./browser-home.mjs";

postMessage({ records: await runHere((name) => postMessage({ name }), location.hash.slice(1), 0) });
