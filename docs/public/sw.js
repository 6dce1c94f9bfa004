// Keeps the whole site, so that it opens without a network. The build puts the list KEPT of its files
// before this script. The package keeps the models.
//
// A cache holds the files of one build. A page comes from the network if there is one, with the scripts
// and styles that it names, whose names contain a hash of their content. Without a network it comes from
// the cache with all that belongs to it. A new version waits until no page of the old one is open.

const PREFIX = `crossrank-docs ${registration.scope} `;
const NAME = PREFIX + self.KEPT.version;

addEventListener("install", (event) => event.waitUntil(keep()));
addEventListener("activate", (event) => event.waitUntil(takeOver()));
addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || !request.url.startsWith(registration.scope)) return;
  const path = request.url.slice(registration.scope.length);
  event.respondWith(path.startsWith("assets/") ? asset(request) : page(request));
});

async function keep() {
  const cache = await caches.open(NAME);
  await cache.addAll(self.KEPT.files.map((file) => new Request(file, { cache: "no-cache" })));
}

async function takeOver() {
  for (const name of await caches.keys()) {
    if (name.startsWith(PREFIX) && name !== NAME) await caches.delete(name);
  }
  await clients.claim();
}

/** A page, or another file whose content may change under its name. */
async function page(request) {
  try {
    return await fetch(request);
  } catch (error) {
    const cache = await caches.open(NAME);
    const kept = await cache.match(request, { ignoreSearch: true });
    if (!kept) throw error;
    return kept;
  }
}

/** A file whose name changes with its content. */
async function asset(request) {
  const cache = await caches.open(NAME);
  return (await cache.match(request)) ?? fetch(request);
}
