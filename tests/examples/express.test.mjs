import { test } from "node:test";
import { assertServes, start } from "./apps.mjs";

test("`npm start` serves both orders", async (t) => {
  await assertServes(`${await start(t, "express", () => ["npm", "start"])}/search`);
});
