// The hub's cache and settings in node, from the environment variables of huggingface_hub.

import { readdir, readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join, sep } from "node:path";
import { pathToFileURL } from "node:url";
import type { HubEnvironment } from "../core/platform.js";

const variable = (name: string) => process.env[name] || undefined;

/** The folder of the cache, as https://huggingface.co/docs/hub/local-cache describes it. */
function cacheFolder(): string {
  const userCache = variable("XDG_CACHE_HOME") ?? join(homedir(), ".cache");
  const home = variable("HF_HOME") ?? join(userCache, "huggingface");
  return variable("HF_HUB_CACHE") ?? join(home, "hub");
}

export const hub: HubEnvironment = {
  settings: () => ({
    baseUrl: variable("HF_ENDPOINT"),
    token: variable("HF_TOKEN"),
    offline: /^(1|on|yes|true)$/i.test(variable("HF_HUB_OFFLINE") ?? ""),
  }),

  async snapshot(repository, revision) {
    const folder = join(cacheFolder(), `models--${repository.replaceAll("/", "--")}`);
    const commit = await readFile(join(folder, "refs", revision), "utf8").catch(() => revision);
    const snapshot = join(folder, "snapshots", commit.trim());
    const paths = await readdir(snapshot, { recursive: true }).catch(() => undefined);
    const urlPaths = paths?.map((path) => path.split(sep).join("/"));
    return urlPaths && { folder: pathToFileURL(`${snapshot}/`), paths: urlPaths };
  },
};
