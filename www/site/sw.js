// Keeps the page's own static files, so that it opens without a network. build.mjs writes shell.js,
// which lists the files and their version. The package keeps the models.
//
// A new version waits until no page of the old one is open, so that a page takes its scripts and the
// WebAssembly files from the same version.

importScripts("shell.js");

const NAME = `crossrank-demo ${self.SHELL.version}`;

addEventListener("install", (event) => event.waitUntil(keep()));
addEventListener("activate", (event) => event.waitUntil(takeOver()));
addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method === "GET" && request.url.startsWith(registration.scope))
    event.respondWith(answer(request));
});

async function keep() {
  const shell = await caches.open(NAME);
  await shell.addAll(self.SHELL.files.map((file) => new Request(file, { cache: "no-cache" })));
}

async function takeOver() {
  for (const name of await caches.keys()) {
    if (name.startsWith("crossrank-demo ") && name !== NAME) await caches.delete(name);
  }
  await clients.claim();
}

/** A kept file, or else the network's response. */
async function answer(request) {
  const shell = await caches.open(NAME);
  const isPage = request.mode === "navigate";
  const kept = await shell.match(request, { ignoreSearch: isPage });
  if (!kept) return fetch(request);
  // Browsers refuse a page from the cache that came by a redirect, as from index.html to its folder.
  return isPage && kept.redirected ? new Response(kept.body, kept) : kept;
}
