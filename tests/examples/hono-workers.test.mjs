import { test } from "node:test";
import { assertServes, runScript, start } from "./apps.mjs";

test("the types are right", () => runScript("hono-workers", "check"));

test("`npm start` serves both orders in workerd", async (t) => {
  const command = (port) => ["npm", "start", "--", "--ip", "127.0.0.1", "--port", port];
  await assertServes(`${await start(t, "hono-workers", command)}/search`);
});
