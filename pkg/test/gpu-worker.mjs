// The package's worker, on whose WebGPU the tricks are played that its address names.

import { play } from "./gpu-tricks.mjs";
import "./node_modules/crossrank/dist/worker.js";

play(JSON.parse(decodeURIComponent(location.hash.slice(1))));
