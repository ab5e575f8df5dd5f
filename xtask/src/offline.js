// Keeps every file of this version of the page, so that it opens without a network after its first load. A new version
// takes over when no tab shows the old one any more: page and worker are always of one version.
const NAME = "terrarium-VERSION";
const FILES = [];

self.addEventListener("install", (event) => event.waitUntil(caches.open(NAME).then((cache) => cache.addAll(FILES))));

self.addEventListener("activate", (event) =>
  event.waitUntil(
    caches.keys().then((names) =>
      Promise.all(names.filter((name) => name.startsWith("terrarium-") && name !== NAME).map((name) => caches.delete(name))),
    ),
  ),
);

self.addEventListener("fetch", (event) => {
  const { method, url } = event.request;
  if (method !== "GET" || !url.startsWith(self.registration.scope)) return;
  // The address may hold choices, such as ?embed; they are the page's own affair.
  const kept = caches.open(NAME).then((cache) => cache.match(event.request, { ignoreSearch: true }));
  event.respondWith(kept.then((answer) => answer ?? fetch(event.request)));
});
