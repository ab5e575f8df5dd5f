// The session outlives the page; and when it cannot, the page says so and loses nothing.

import assert from "node:assert/strict";
import { test } from "node:test";
import { withPage } from "./harness.mjs";
import { opened, paused, pausedAfter, state } from "./terrarium.mjs";

test("a page that is loaded again finds the same session", () =>
  withPage(async (page) => {
    await pausedAfter(page, 2);
    await page.evaluate(() => window.terrarium.command("producer late --topic orders --rate 3/s"));
    await page.evaluate(() => window.terrarium.advance(1));
    const before = await state(page);
    assert.equal(await page.evaluate(() => window.terrarium.save()), true);
    await page.getByText("Saved in this browser").waitFor();
    await page.reload();
    const after = await opened(page);
    assert.deepEqual(after, before);
    assert.ok(after.scene.producers.some((p) => p.name === "late"));
    await page.getByRole("tab", { name: "Event log" }).click();
    await page.locator(".log li").nth(10).waitFor();
    await page.evaluate(() => window.terrarium.advance(1));
    assert.ok((await state(page)).steps > before.steps);
  }));

test("a session that plays is saved by itself", () =>
  withPage(async (page) => {
    await opened(page);
    await page.evaluate(() => window.terrarium.speed(16));
    await page.waitForTimeout(1_000);
    await page.getByText("Saved in this browser").waitFor({ timeout: 10_000 });
    await page.waitForTimeout(4_000);
    const { seed, time } = await state(page);
    await page.reload();
    const after = await opened(page);
    assert.equal(after.seed, seed);
    assert.ok(after.time > 0 && after.time > time / 4, `${after.time} of ${time}`);
  }));

test("a browser that refuses storage: the session lives, and the page says how long", () =>
  withPage(async (page) => {
    await page.route("**/www/worker.js", (route) =>
      route.fulfill({
        contentType: "text/javascript",
        body: "import init from '../web.js'; Object.defineProperty(self, 'indexedDB', { value: undefined }); await init();",
      }),
    );
    await page.reload();
    await opened(page);
    await page.getByText("This browser refuses storage: the session lives until the tab closes.").waitFor();
    await page.getByText("Not saved").waitFor({ timeout: 10_000 });
    const before = await paused(page);
    await page.evaluate(() => window.terrarium.step());
    assert.equal((await state(page)).steps, before.steps + 1);
  }));

test("a browser that refuses even small choices opens the page all the same", () =>
  withPage(async (page) => {
    await page.addInitScript(() =>
      Object.defineProperty(window, "localStorage", {
        get() {
          throw new DOMException("refused", "SecurityError");
        },
      }),
    );
    await page.reload();
    await opened(page);
    await page.evaluate(() => window.terrarium.speed(4));
    await page.getByRole("button", { name: "Dark theme" }).click();
    assert.equal((await state(page)).speed, 4);
  }));

/** Runs in a page of the same origin: puts `bytes` where the session is saved, or reads all saves. */
const saves = (page, bytes) =>
  page.evaluate(
    (bytes) =>
      new Promise((done, failed) => {
        const request = indexedDB.open("terrarium");
        request.onerror = () => failed(request.error);
        request.onsuccess = () => {
          const database = request.result;
          const transaction = database.transaction("saves", bytes ? "readwrite" : "readonly");
          const store = transaction.objectStore("saves");
          const all = {};
          if (bytes) store.put(new Uint8Array(bytes), "session");
          else
            store.openCursor().onsuccess = ({ target: { result: cursor } }) => {
              if (!cursor) return;
              all[cursor.key] = [...cursor.value];
              cursor.continue();
            };
          transaction.oncomplete = () => {
            database.close();
            done(all);
          };
        };
      }),
    bytes,
  );

test("a save that cannot be read is put aside, named, offered, and never overwritten", () =>
  withPage(async (page) => {
    const address = page.url();
    await opened(page);
    await page.evaluate(() => window.terrarium.save());
    // A picture as a page of its own has the browser ask for this.
    await page.route("**/favicon.ico", (route) => route.fulfill({ status: 204 }));
    const damage = async (bytes) => {
      await page.goto(new URL("www/icon.svg", address).href);
      await saves(page, bytes);
      await page.goto(address);
      await opened(page);
    };
    await damage([1, 2, 3]);
    await page.getByText("It is kept as “unreadable-1”").waitFor();
    const download = page.waitForEvent("download");
    await page.getByRole("button", { name: "Download it" }).click();
    assert.equal((await download).suggestedFilename(), "kafka-terrarium-unreadable-1.save");
    await page.evaluate(() => window.terrarium.save());
    await damage([4, 5]);
    await page.getByText("It is kept as “unreadable-2”").waitFor();
    await page.evaluate(() => window.terrarium.save());
    const all = await saves(page);
    assert.deepEqual([all["unreadable-1"], all["unreadable-2"]], [[1, 2, 3], [4, 5]]);
    assert.ok(all.session.length > 20);
  }));

test("a second tab says that it works on a copy, and does not save over the first", () =>
  withPage(async (page) => {
    await pausedAfter(page, 1);
    await page.evaluate(() => window.terrarium.save());
    const second = await page.context().newPage();
    await second.goto(page.url());
    await opened(second);
    await second.getByText("Another tab has this session open.").waitFor();
    await second.evaluate(() => window.terrarium.advance(5));
    assert.equal(await second.evaluate(() => window.terrarium.save()), false);
    await second.close();
    const before = await state(page);
    await page.reload();
    assert.equal((await opened(page)).traceHash, before.traceHash);
  }));

test("a worker that dies without a word is noticed, and another goes on from what was saved", () =>
  withPage(async (page) => {
    await page.addInitScript(() => {
      const Real = window.Worker;
      window.Worker = class extends Real {
        constructor(...of) {
          super(...of);
          (window.workers ??= []).push(this);
        }
      };
    });
    await page.reload();
    await pausedAfter(page, 2);
    await page.evaluate(() => window.terrarium.save());
    const before = await state(page);
    await page.evaluate(() => window.workers.at(-1).terminate());
    const refused = page.evaluate(() => window.terrarium.command("status").then(String, (error) => error.message));
    await page.getByText("The worker did not answer any more; another was started. The session goes on from where it was saved last.").waitFor({ timeout: 30_000 });
    assert.match(await refused, /did not answer/);
    await page.waitForFunction(() => window.workers.length === 2);
    await page.waitForFunction((hash) => window.terrarium.state()?.traceHash === hash, before.traceHash);
    await page.evaluate(() => window.terrarium.advance(1));
    assert.ok((await state(page)).steps > before.steps);
    assert.equal(await page.evaluate(() => window.terrarium.save()), true, "the lock is the new worker's");
    // One that stops with a word is told by that word.
    await page.waitForTimeout(20_000);
    await page.evaluate(() => window.workers.at(-1).dispatchEvent(new ErrorEvent("error", { message: "planted" })));
    await page.getByText("The worker stopped: planted").waitFor();
    await page.waitForFunction(() => window.workers.length === 3);
    await page.waitForFunction(() => window.terrarium.state()?.steps > 0);
  }));

test("a browser without room for the session says so, in the bar and in the list of sessions", () =>
  withPage(
    async (page) => {
      await page.route("**/www/worker.js", (route) =>
        route.fulfill({
          contentType: "text/javascript",
          body: `import init from '../web.js';
            IDBObjectStore.prototype.put = () => { throw new DOMException("full", "QuotaExceededError"); };
            await init();`,
        }),
      );
      await page.reload();
      await pausedAfter(page, 1);
      assert.equal(await page.evaluate(() => window.terrarium.save()), false);
      await page.getByText("Saving failed: there is no room left for it in this browser’s storage.").waitFor();
      await page.getByText("Saving fails", { exact: true }).waitFor();
      page.on("dialog", (dialog) => dialog.accept("A copy"));
      await page.keyboard.press("s");
      const dialog = page.getByRole("dialog", { name: "Sessions" });
      await dialog.getByRole("button", { name: "Keep a copy" }).click();
      await dialog.getByRole("alert").filter({ hasText: "there is no room left" }).waitFor();
      const before = await state(page);
      await page.evaluate(() => window.terrarium.step());
      assert.equal((await state(page)).steps, before.steps + 1, "the world goes on");
    },
    { viewport: { width: 1440, height: 900 } },
  ));
