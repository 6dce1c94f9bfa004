// The hub's cache and settings in node: the variables of huggingface_hub.

import { readdir, readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join, sep } from "node:path";
import { pathToFileURL } from "node:url";
import type { HubPlatform } from "./hub.js";

const set = (name: string) => process.env[name] || undefined;

/** https://huggingface.co/docs/hub/local-cache */
function cache(): string {
  const home = () => join(set("XDG_CACHE_HOME") ?? join(homedir(), ".cache"), "huggingface");
  return set("HF_HUB_CACHE") ?? join(set("HF_HOME") ?? home(), "hub");
}

export const hub: HubPlatform = {
  settings: () => ({
    baseUrl: set("HF_ENDPOINT"),
    token: set("HF_TOKEN"),
    offline: /^(1|on|yes|true)$/i.test(set("HF_HUB_OFFLINE") ?? ""),
  }),

  async snapshot(repository, revision) {
    const own = join(cache(), `models--${repository.replaceAll("/", "--")}`);
    const commit = await readFile(join(own, "refs", revision), "utf8").catch(() => revision);
    const folder = join(own, "snapshots", commit.trim());
    const paths = await readdir(folder, { recursive: true }).catch(() => undefined);
    const slashed = paths?.map((path) => path.split(sep).join("/"));
    return slashed && { folder: pathToFileURL(`${folder}/`), paths: slashed };
  },
};
