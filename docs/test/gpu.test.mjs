// The playground on a GPU, which Chromium has in software here.

import assert from "node:assert/strict";
import { test } from "node:test";
import { visit } from "../../www/test/visit.mjs";
import { isHydrated, scored, start } from "./site.mjs";

test("the playground computes on a GPU, and then on the CPU", async () => {
  const site = await start({ webgpu: true });
  try {
    const { page, complaints } = await visit(site, "/playground.html");
    await isHydrated(page);
    await page.click(".options summary");
    const [, device] = await page.$$(".options select");
    const computedOn = (name) =>
      page.waitForFunction((name) => document.querySelector(".timing")?.textContent.includes(name), {}, name);
    await device.select("gpu");
    await computedOn("GPU, 1 worker");
    const onGpu = await scored(page);
    await device.select("cpu");
    await computedOn("CPU");
    const onCpu = await scored(page);
    assert.deepEqual(
      onGpu.map(({ index }) => index),
      onCpu.map(({ index }) => index),
    );
    for (const [i, { logit }] of onGpu.entries()) {
      const difference = Math.abs(logit - onCpu[i].logit);
      assert.ok(difference > 0 && difference < 0.35, `${logit} and ${onCpu[i].logit}`);
    }
    assert.deepEqual(complaints, []);
  } finally {
    await site.browser.close();
    site.close();
  }
});
