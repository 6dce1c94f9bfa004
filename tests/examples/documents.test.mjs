import assert from "node:assert/strict";
import { globSync } from "node:fs";
import { test } from "node:test";
import { examples, read } from "./apps.mjs";
