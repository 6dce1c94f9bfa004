// Keeps the page's own static files, so that it opens without a network. shell.js, which build.mjs
// writes, names them and their version. WebAssembly and models are kept by the package.

importScripts("shell.js");

const NAME = `crossrank-demo ${self.SHELL.version}`;

addEventListener("install", (event) => event.waitUntil(keep()));
addEventListener("activate", (event) => event.waitUntil(takeOver()));
addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method === "GET" && request.url.startsWith(registration.scope)) event.respondWith(answer(request));
});

async function keep() {
  const shell = await caches.open(NAME);
  await shell.addAll(self.SHELL.files.map((file) => new Request(file, { cache: "no-cache" })));
  await skipWaiting();
}

async function takeOver() {
  for (const name of await caches.keys()) {
    if (name.startsWith("crossrank-demo ") && name !== NAME) await caches.delete(name);
  }
  await clients.claim();
}

/** A kept file; what is not kept is the network's. */
async function answer(request) {
  const shell = await caches.open(NAME);
  return (await shell.match(request, { ignoreSearch: request.mode === "navigate" })) ?? fetch(request);
}
