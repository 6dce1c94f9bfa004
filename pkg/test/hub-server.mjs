// A loopback server that serves folders under the Hugging Face Hub's paths. It redirects large files to a
// second server with another origin, as the hub does to its store.
//
// POST /script with { faults, down } makes a separate hub and gives its id: /<id> is its address, and GET
// /<id>/log gives the requests that it received. A fault is { path, status, headers }, { path, cut },
// { path, wrong }, or { path, held }, whose body never comes, for the next request whose path contains
// `path`. POST /<id>/down takes it down.

import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join, relative } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

export const COMMIT = "0123456789abcdef0123456789abcdef01234567";

const CORS = {
  "access-control-allow-origin": "*",
  "access-control-allow-headers": "authorization, range",
  "access-control-expose-headers": "x-error-code, etag, content-range, accept-ranges",
};

/** `repositories` maps names to folders, whose files are listed. */
export async function startHub(repositories) {
  const held = {};
  for (const [name, folder] of Object.entries(repositories)) held[name] = await filesOf(folder);
  const scripts = [{ faults: [], log: [] }];
  const store = await listen((request, response) => {
    const [, id, hash] = /^\/(\d+)\/(\w+)/.exec(request.url);
    const files = Object.values(held).flatMap((files) => Object.values(files));
    return answer(
      request,
      response,
      scripts[id],
      true,
      () => files.find((file) => file.hash === hash).content,
    );
  });
  const hub = await listen(async (request, response) => {
    if (request.url === "/script") {
      let body = "";
      for await (const chunk of request) body += chunk;
      const { faults = [] } = JSON.parse(body);
      return response.end(String(scripts.push({ faults, log: [] }) - 1));
    }
    const [, id = "0", path] = /^(?:\/(\d+)(?=\/))?(.*)$/.exec(request.url);
    const script = scripts[id];
    if (path === "/log") return response.end(JSON.stringify(script.log.splice(0)));
    if (path === "/down") return response.end(String((script.down = true)));
    if (script.down) return response.destroy();
    return answer(request, response, script, false, () => {
      const [, listed] = /^\/api\/models\/(.+)\/revision\/main\?/.exec(path) ?? [];
      if (held[listed]) return Buffer.from(JSON.stringify(listing(held[listed])));
      const [, repository, inside] = /^\/(.+)\/resolve\/(?:main|[0-9a-f]{40})\/([^?]+)/.exec(path) ?? [];
      const file = held[repository]?.[inside];
      if (!file) return response.writeHead(404, { "x-error-code": "RepoNotFound" }).end();
      const { hash, content } = file;
      response.setHeader("x-repo-commit", COMMIT);
      response.setHeader("etag", `"${hash}"`);
      if (hash.length === 40) return content;
      const location = `${store.origin}/${id}/${hash}?signature=secret`;
      const linked = { "x-linked-etag": `"${hash}"`, "x-linked-size": content.length };
      response.writeHead(302, { location, ...linked }).end();
    });
  });
  const close = () => {
    for (const { server } of [hub, store]) {
      server.close();
      server.closeAllConnections();
    }
  };
  return { origin: hub.origin, close };
}

/** A hub with the models that hub-suite.mjs needs, from a test project's folder. */
export function tinyHub(project) {
  const tiny = fileURLToPath(new URL("graphs/int8-tensor/", project));
  return startHub({
    "owner/tiny": tiny,
    "Xenova/ms-marco-MiniLM-L-6-v2": tiny,
    "owner/external": fileURLToPath(new URL("graphs/external-int8/", project)),
    "owner/modules": fileURLToPath(new URL("checkpoints/ettin/", project)),
    "owner/sharded": fileURLToPath(new URL("checkpoints/bert-sharded/", project)),
    "owner/generator": fileURLToPath(new URL("checkpoints/generator/", project)),
    "owner/plain": fileURLToPath(new URL("remote/", project)),
  });
}

async function listen(serve) {
  const server = createServer((request, response) => {
    for (const [name, value] of Object.entries(CORS)) response.setHeader(name, value);
    if (request.method === "OPTIONS") return response.writeHead(204).end();
    // A client may abort in the middle of its request.
    return Promise.resolve(serve(request, response)).catch(() => response.destroy());
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, origin: `http://127.0.0.1:${server.address().port}` };
}

async function answer(request, response, { faults, log }, isStore, content) {
  const { range, authorization } = request.headers;
  log.push({ path: request.url, range, authorization, isStore });
  const at = faults.findIndex(({ path }) => request.url.includes(path));
  const fault = at < 0 ? {} : faults.splice(at, 1)[0];
  if (fault.status) return response.writeHead(fault.status, fault.headers).end();
  let body = content();
  if (!Buffer.isBuffer(body)) return;
  if (fault.wrong) body = Buffer.alloc(body.length);
  const start = Number(/^bytes=(\d+)-$/.exec(range)?.[1] ?? 0);
  const part = start > 0 && { "content-range": `bytes ${start}-${body.length - 1}/${body.length}` };
  body = body.subarray(start);
  response.writeHead(part ? 206 : 200, { ...part, "content-length": body.length });
  if (request.method === "HEAD") return response.end();
  if (fault.held) return response.flushHeaders();
  if (fault.cut === undefined) return response.end(body);
  response.write(body.subarray(0, fault.cut));
  // Gives the client time to read: after an error, it would lose the bytes that it has not read yet.
  await sleep(100);
  response.destroy();
}

async function filesOf(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = {};
  for (const entry of entries.filter((entry) => entry.isFile())) {
    const path = join(entry.parentPath, entry.name);
    const content = await readFile(path);
    const inside = relative(folder, path).replaceAll("\\", "/");
    // As on the hub, weights are in the store and texts in git.
    const large = /\.(onnx(\.data)?|safetensors)$/.test(inside);
    const hash = large
      ? createHash("sha256").update(content)
      : createHash("sha1").update(`blob ${content.length}\0`).update(content);
    files[inside] = { content, hash: hash.digest("hex") };
  }
  return files;
}

function listing(files) {
  const siblings = Object.entries(files).map(([rfilename, { content, hash }]) => {
    const size = content.length;
    const lfs = hash.length === 64 && { lfs: { sha256: hash, size } };
    return { rfilename, size, blobId: lfs ? "f".repeat(40) : hash, ...lfs };
  });
  return { sha: COMMIT, siblings };
}
