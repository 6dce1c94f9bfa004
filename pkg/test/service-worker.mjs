// A service worker that keeps a page's own HTML and JavaScript, as in an app that works offline. The
// package keeps the WebAssembly file and the model's files.

const isShell = (url) => /\.(html|m?js)$/.test(new URL(url).pathname);

addEventListener("install", () => skipWaiting());
addEventListener("activate", (event) => event.waitUntil(clients.claim()));
addEventListener("fetch", (event) => {
  if (isShell(event.request.url)) event.respondWith(fetchShell(event.request));
});

async function fetchShell(request) {
  const shell = await caches.open("shell");
  try {
    const response = await fetch(request);
    await shell.put(request, response.clone());
    return response;
  } catch {
    return shell.match(request);
  }
}
