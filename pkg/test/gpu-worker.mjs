// The package's worker, with the WebGPU faults that its address names.

import { inject } from "./gpu-faults.mjs";
import "./node_modules/crossrank/dist/worker.js";

inject(JSON.parse(decodeURIComponent(location.hash.slice(1))));
