import { test } from "node:test";
import { assertServes, start } from "./apps.mjs";

test("`cargo run --release` serves both orders", async (t) => {
  const origin = await start(t, "rust-service", () => ["cargo", "run", "--release"]);
  await assertServes(`${origin}/search`);
});
