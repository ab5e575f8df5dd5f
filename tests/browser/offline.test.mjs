// The page as it is built for a host: installable, and open without a network after its first load.

import assert from "node:assert/strict";
import { test } from "node:test";
import { withPage } from "./harness.mjs";
import { opened, paused, state } from "./terrarium.mjs";

const built = process.env.TERRARIUM_BUILT_URL;

test("after its first load the page opens without a network, with the session in it", { skip: !built && "no built page" }, () =>
  withPage(
    async (page) => {
      await opened(page);
      await page.evaluate(() => navigator.serviceWorker.ready);
      await paused(page);
      await page.evaluate(() => window.terrarium.command("producer late --topic orders --rate 3/s"));
      await page.evaluate(() => window.terrarium.save());
      const before = await state(page);
      await page.context().setOffline(true);
      await page.reload();
      const after = await opened(page);
      assert.equal(after.traceHash, before.traceHash);
      await page.evaluate(() => window.terrarium.advance(1));
      assert.ok((await state(page)).steps > before.steps);
    },
    // The browser itself may ask for these at any time, past the service worker.
    { path: built, allow: [/ERR_INTERNET_DISCONNECTED \(\S*(webmanifest|icon\S*|sw\.js)\)/] },
  ));

test("its manifest says what is installed, and names an icon that is there", () =>
  withPage(async (page) => {
    const { manifest, icons, scope } = await page.evaluate(async () => {
      const address = document.querySelector("link[rel=manifest]").href;
      const manifest = await (await fetch(address)).json();
      const icons = await Promise.all(manifest.icons.map(async (icon) => (await fetch(new URL(icon.src, address))).status));
      return { manifest, icons, scope: new URL(manifest.scope, address).href };
    });
    assert.equal(manifest.name, "Kafka Terrarium");
    assert.equal(manifest.display, "standalone");
    assert.deepEqual(icons, [200]);
    assert.equal(new URL(scope).pathname, new URL(page.url()).pathname);
  }));
