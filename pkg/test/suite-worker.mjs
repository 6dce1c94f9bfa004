import { runHere } from "./browser-suite.mjs";

const origins = JSON.parse(decodeURIComponent(location.hash.slice(1)));
postMessage({ records: await runHere((name) => postMessage({ name }), origins, 0) });
