// WebKit by its WebDriver, with those of puppeteer's methods that the tests use. A W3C WebDriver is a server
// of JSON over HTTP.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { freePort } from "./processes.mjs";

const BROWSER = fileURLToPath(new URL("webkit-browser.py", import.meta.url));
const POLL_MS = 20;
const LONGEST_SCRIPT_MS = 600_000;

/** Starts the browser on a display of its own, which is a virtual one. */
export async function launchWebkit(profile, env) {
  // Where the test runner ends this process, the browser ends too.
  process.once("SIGTERM", () => process.exit(1));
  const pipe = { stdio: ["ignore", "ignore", "ignore", "pipe"] };
  const screen = start("Xvfb", ["-displayfd", "3", "-nolisten", "tcp"], pipe);
  const [display] = await once(screen.stdio[3], "data");
  const port = await freePort();
  const driver = start("WebKitWebDriver", [`--port=${port}`], {
    stdio: "ignore",
    env: { ...env, DISPLAY: `:${String(display).trim()}` },
  });
  const origin = `http://127.0.0.1:${port}`;
  while (!(await fetch(`${origin}/status`).catch(() => undefined))) {
    assert.equal(driver.exitCode, null, "WebKitWebDriver has ended");
    await sleep(POLL_MS);
  }
  const session = await Session.open(`${origin}/session`, profile);
  const close = async () => {
    await session.close();
    for (const child of [driver, screen]) {
      child.kill();
      await once(child, "exit");
    }
  };
  return { pid: driver.pid, newPage: () => session.newPage(), close };
}

/** Starts a program that ends with this process, or earlier. */
function start(program, arguments_, options) {
  const child = spawn(program, arguments_, options);
  const kill = () => child.kill();
  process.once("exit", kill);
  child.once("exit", () => process.off("exit", kill));
  return child;
}

async function send(method, url, body) {
  const response = await fetch(url, { method, body: body && JSON.stringify(body) });
  const { value } = await response.json();
  if (!response.ok) throw new Error(`${value.error}: ${value.message}`);
  return value;
}

class Session {
  #url;
  #firstWindow;
  #turn = Promise.resolve();

  constructor(url) {
    this.#url = url;
  }

  static async open(url, profile) {
    const { sessionId } = await send("POST", url, {
      capabilities: { alwaysMatch: { "webkitgtk:browserOptions": { binary: BROWSER, args: [profile] } } },
    });
    const session = new Session(`${url}/${sessionId}`);
    session.#firstWindow = await send("GET", `${url}/${sessionId}/window`);
    await session.post("timeouts", { script: LONGEST_SCRIPT_MS, pageLoad: LONGEST_SCRIPT_MS });
    return session;
  }

  post(command, body = {}) {
    return send("POST", `${this.#url}/${command}`, body);
  }

  /** Runs commands for one page. A session has one current page, so that others wait. */
  within(handle, frame, commands) {
    const run = async () => {
      await this.post("window", { handle });
      if (frame) await this.post("frame", { id: frame });
      return commands();
    };
    const result = this.#turn.then(run);
    this.#turn = result.catch(() => {});
    return result;
  }

  /** Opens a window: a tab behind another one would be hidden. */
  async newPage() {
    const open = () => this.post("window/new", { type: "window" });
    const { handle } = await this.within(this.#firstWindow, undefined, open);
    return new Page(this, handle);
  }

  closeWindow() {
    return send("DELETE", `${this.#url}/window`);
  }

  close() {
    return send("DELETE", this.#url);
  }
}

/** A page, or a frame of it. */
class Page {
  #session;
  #handle;
  #frame;
  #preparations = [];

  constructor(session, handle, frame) {
    this.#session = session;
    this.#handle = handle;
    this.#frame = frame;
  }

  /** The driver reports no events. */
  on() {}

  /** The pages of the tests have no scripts of their own, so that these may run after loading. */
  evaluateOnNewDocument(...preparation) {
    this.#preparations.push(preparation);
  }

  goto(url) {
    return this.#load("url", { url });
  }

  reload() {
    return this.#load("refresh");
  }

  async #load(command, body) {
    await this.#within(() => this.#session.post(command, body));
    for (const preparation of this.#preparations) await this.evaluate(...preparation);
  }

  /** Finds an element that is a frame. */
  async $(selector) {
    const frame = await this.#within(() =>
      this.#session.post("element", { using: "css selector", value: selector }),
    );
    return { contentFrame: () => new Page(this.#session, this.#handle, frame) };
  }

  /**
   * Runs a function with arguments, or an expression. A script that is not awaited runs, and others ask for its
   * result, so that those of several pages can take their time together.
   */
  async evaluate(code, ...given) {
    const source = typeof code === "function" ? `(${code}).apply(null, given)` : code;
    const id = await this.#run(
      `const given = arguments[0].map((text) => (text === null ? undefined : JSON.parse(text)));
      const evaluations = (globalThis.evaluations ??= []);
      const evaluation = {};
      (async () => (${source}))().then(
        (value) => (evaluation.value = JSON.stringify(value) ?? "null"),
        (error) => (evaluation.error = error + "\\n" + error?.stack),
      );
      return evaluations.push(evaluation) - 1;`,
      given.map((value) => JSON.stringify(value)),
    );
    for (;;) {
      const { value, error } = await this.#run(
        "return globalThis.evaluations?.[arguments[0]] ?? { error: 'the page is gone' }",
        id,
      );
      if (error) throw new Error(error);
      if (value) return JSON.parse(value);
      await sleep(POLL_MS);
    }
  }

  #run(script, ...args) {
    return this.#within(() => this.#session.post("execute/sync", { script, args }));
  }

  #within(commands) {
    return this.#session.within(this.#handle, this.#frame, commands);
  }

  close() {
    return this.#within(() => this.#session.closeWindow());
  }
}
