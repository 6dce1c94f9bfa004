import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { launch as launchBrowser } from "puppeteer-core";
import { launchWebkit } from "./webkit.mjs";

/** The browsers in which the suites run. */
export const ENGINES = (process.env.CROSSRANK_BROWSERS ?? "chromium firefox").split(" ").filter(Boolean);

/** The one that runs what takes minutes in each, if there is one. */
export const MAIN_ENGINES = ENGINES.slice(0, 1);

/** Debian's browsers. */
const BROWSERS = {
  chromium: {
    browser: "chrome",
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  },
  firefox: {
    browser: "firefox",
    executablePath: process.env.FIREFOX ?? "/usr/bin/firefox-esr",
  },
};

/**
 * A headless browser, with further options, which are puppeteer's. Its profile and its temporary files are
 * removed with it.
 */
export async function launch(name, options = {}) {
  const home = await mkdtemp(join(tmpdir(), `crossrank-${name}-`));
  const env = { ...process.env, HOME: home, TMPDIR: home };
  const browser = await (name === "webkit"
    ? launchWebkit(join(home, "profile"), env)
    : launchPuppeteer(name, home, env, options));
  const close = async () => {
    await browser.close();
    await rm(home, { recursive: true, force: true, maxRetries: 5 });
  };
  return { ...browser, name, close };
}

/** With `webgpu`, Chromium has an adapter, in software if there is no GPU. */
async function launchPuppeteer(name, home, env, { webgpu = false, flags = [], ...options }) {
  const own = (BROWSERS[name].args ?? []).filter((flag) => !webgpu || flag !== "--disable-gpu");
  const args = [...own, ...flags];
  const browser = await launchBrowser({
    ...BROWSERS[name],
    args: webgpu ? [...args, "--enable-unsafe-webgpu"] : args,
    ...options,
    headless: true,
    userDataDir: join(home, "profile"),
    env,
    // A call on a page may take as long as a whole suite.
    protocolTimeout: 600_000,
  });
  return {
    pid: browser.process().pid,
    newPage: () => browser.newPage(),
    waitForTarget: (predicate) => browser.waitForTarget(predicate),
    close: () => browser.close(),
  };
}

/** The bytes of memory that the processes of a browser, named by its first one, do not share with others. */
export function memoryOfBrowser(pid) {
  const status = (id, name) => {
    const line = readFileSync(`/proc/${id}/status`, "utf8").match(new RegExp(`^${name}:\\s+(\\d+)`, "m"));
    return Number(line?.[1] ?? 0);
  };
  const ids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const parents = new Map();
  for (const id of ids) {
    try {
      parents.set(id, String(status(id, "PPid")));
    } catch {
      // The process has ended since.
    }
  }
  const isOurs = (id) => id === String(pid) || (parents.has(id) && isOurs(parents.get(id)));
  const anonymous = ids.filter(isOurs).map((id) => {
    try {
      return status(id, "RssAnon") * 1024;
    } catch {
      return 0;
    }
  });
  return anonymous.reduce((sum, bytes) => sum + bytes, 0);
}
