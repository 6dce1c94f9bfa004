// Lighthouse and pictures, for the demo and for the documentation.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import lighthouse, { desktopConfig } from "lighthouse";

export const MIN_SCORE = 95;
export const DEVICES = ["phone", "desktop"];

/** Lighthouse's scores from 0 to 100, and the audits that failed. */
export async function audit(url, page, { device = "phone", categories }) {
  const flags = { onlyCategories: categories, output: "json", logLevel: "error" };
  const config = device === "desktop" ? desktopConfig : undefined;
  const { lhr } = await lighthouse(url, flags, config, page);
  const failed = Object.values(lhr.audits)
    .filter(({ score, scoreDisplayMode }) => scoreDisplayMode === "binary" && score !== 1)
    .map(({ id, details }) => `${id} ${JSON.stringify(details?.items?.[0]?.node?.selector ?? "")}`);
  const scores = Object.values(lhr.categories).map(({ id, score }) => [id, Math.round(score * 100)]);
  return { scores, failed };
}

/** Fails a test where a category's score is too low. */
export async function assertAudit(t, browser, url, options) {
  const page = await browser.newPage();
  const { scores, failed } = await audit(url, page, options);
  await page.close();
  const shown = scores.map(([id, score]) => `${id} ${score}`).join(", ");
  t.diagnostic(`${shown}; failed: ${failed.join(", ") || "none"}`);
  for (const [id, score] of scores) assert.ok(score >= MIN_SCORE, `${id} is ${score}: ${failed.join(", ")}`);
}

/** Takes pictures at two widths and in both color schemes, of the first screen and of the whole page. */
export async function takePictures(page, folder, name, { phone = 390, desktop = 1280 } = {}) {
  mkdirSync(folder, { recursive: true });
  for (const [device, width, height] of [
    ["desktop", desktop, 900],
    ["phone", phone, 844],
  ]) {
    await page.setViewport({ width, height });
    for (const scheme of ["light", "dark"]) {
      await page.evaluate(() => scrollTo(0, 0));
      await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
      await new Promise((resolve) => setTimeout(resolve, 400));
      const wide = await page.$eval("html", ({ scrollWidth, clientWidth }) => scrollWidth - clientWidth);
      assert.ok(wide <= 0, `${name} is ${wide} pixels too wide at ${width}`);
      const path = join(folder, `${name}-${device}-${scheme}`);
      await page.screenshot({ path: `${path}.png` });
      await page.screenshot({ path: `${path}-full.png`, fullPage: true });
    }
  }
}
