// What Jest's jsdom keeps from a test.
import { setImmediate } from "node:timers";
import { TextDecoder, TextEncoder } from "node:util";

Object.assign(globalThis, { setImmediate, TextDecoder, TextEncoder });
