// Only `cargo xtask serve` adds this script: it reloads the page after a build and shows why a build failed.
(async () => {
  // A service worker that an earlier server on this port left behind would answer with old files.
  for (const old of (await navigator.serviceWorker?.getRegistrations()) ?? []) await old.unregister();
  let seen = "VERSION";
  let notice = null;
  for (;;) {
    try {
      const answer = await (await fetch("/-/changed?seen=" + seen)).text();
      const line = answer.indexOf("\n");
      const [version, error] = [answer.slice(0, line), answer.slice(line + 1)];
      if (version !== seen && !error) return location.reload();
      seen = version;
      notice?.remove();
      if (error) {
        notice = document.body.appendChild(document.createElement("pre"));
        notice.setAttribute("role", "alert");
        notice.style.cssText =
          "position:fixed;inset:auto 0 0 0;z-index:9999;max-height:60vh;overflow:auto;margin:0;padding:1em;" +
          "background:#300;color:#fee;font:13px/1.4 monospace;white-space:pre-wrap";
        notice.textContent = "The build failed; this is the page of the build before.\n\n" + error;
      }
    } catch {
      // The server is gone; it may come back.
      await new Promise((again) => setTimeout(again, 1000));
    }
  }
})();
