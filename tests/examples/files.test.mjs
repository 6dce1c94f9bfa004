// What all apps have in common.

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { examples, read } from "./apps.mjs";

const APPS = ["express", "file-page", "hono-workers", "nextjs", "rust-service", "vite-react"];
const files = readdirSync(examples, { recursive: true }).filter(
  (path) => !/node_modules|\/target\//.test(path),
);
const pathsOf = (name) => files.filter((path) => path.endsWith(`/${name}`)).sort();

test("each app searches the same documents", () => {
  const paths = pathsOf("documents.json");
  assert.deepEqual(
    paths.map((path) => path.split("/")[0]),
    APPS,
  );
  for (const path of paths) assert.equal(read(path), read(paths[0]), path);
});

test("locks have no hash of the packages that `make pack` makes", () => {
  for (const path of pathsOf("package-lock.json")) {
    const { packages } = JSON.parse(read(path));
    const own = Object.values(packages).filter(({ resolved }) => resolved?.startsWith("file:"));
    assert.equal(own.length, 2, path);
    for (const { integrity } of own) assert.equal(integrity, undefined, path);
  }
});
