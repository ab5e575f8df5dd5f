// How fast the page is: work of the main thread per frame, seeking in a session of ten minutes, the first picture, what is
// transferred, and a cluster of a hundred brokers.
//
//   cargo xtask serve --release --port 8123
//   TERRARIUM_URL=http://127.0.0.1:8123/ CHROME_PATH=/usr/bin/chromium node tests/browser/bench.mjs [PART …]
//
// PART: first, frames, seek, hundred; without one, all. It prints percentiles and judges nothing: a shared machine is no
// yardstick. As a yardstick within the same run it prints how long the main thread takes for a fixed piece of arithmetic.

import { brotliCompressSync } from "node:zlib";
import { withPage } from "./harness.mjs";
import { opened, paused, state } from "./terrarium.mjs";

const wide = { viewport: { width: 1440, height: 900 } };
const percentile = (all, p) => [...all].sort((a, b) => a - b)[Math.min(all.length - 1, Math.floor(all.length * p))];
const print = (what, all) =>
  console.log(`${what}: p50 ${percentile(all, 0.5).toFixed(2)} ms, p95 ${percentile(all, 0.95).toFixed(2)} ms, max ${Math.max(...all).toFixed(2)} ms (${all.length})`);

/** Measures what each animation frame's callbacks cost, and what they leave to do right after. */
const measureFrames = () => {
  window.frames_ms = [];
  const request = window.requestAnimationFrame.bind(window);
  window.requestAnimationFrame = (callback) =>
    request((now) => {
      const begun = performance.now();
      callback(now);
      Promise.resolve().then(() => Promise.resolve().then(() => window.frames_ms.push(performance.now() - begun)));
    });
};

async function frames(page, what, seconds) {
  await page.evaluate(() => {
    window.frames_ms.length = 0;
    window.under_way = [];
    window.counting = setInterval(() => window.under_way.push(window.terrarium.state().inFlight), 500);
  });
  await page.waitForTimeout(seconds * 1_000);
  const counts = await page.evaluate(() => (clearInterval(window.counting), window.under_way));
  print(`${what}, ${percentile(counts, 0.5)} messages under way`, await page.evaluate(() => window.frames_ms));
}

async function yardstick(page) {
  const work = await page.evaluate(() => {
    const begun = performance.now();
    let x = 1;
    for (let n = 0; n < 5_000_000; n += 1) x = (x * 1_103_515_245 + 12_345) | 0;
    return [performance.now() - begun, x][0];
  });
  console.log(`yardstick: five million multiplications take ${work.toFixed(1)} ms`);
}

/** A page whose frames are measured, with a session that stands. */
async function measured(page) {
  await page.addInitScript(measureFrames);
  await page.reload();
  await opened(page);
}

async function seeks(page, what, count) {
  const all = await page.evaluate(async (count) => {
    const { end } = window.terrarium.state();
    const all = [];
    for (let n = 0; n < count; n += 1) {
      const begun = performance.now();
      await window.terrarium.seek(((n * 0.618_034) % 1) * end);
      all.push(performance.now() - begun);
    }
    return all;
  }, count);
  print(what, all);
}

/** From an empty cache, in a browser that was just started. */
const first = () =>
  withPage(async (page) => {
    await page.waitForFunction(() => window.terrarium?.state(), undefined, { polling: 10 });
    const ms = await page.evaluate(() => performance.now());
    console.log(`first picture that can be used, from an empty cache: ${ms.toFixed(0)} ms after the address was entered`);
    await yardstick(page);
    const names = await page.evaluate(() => performance.getEntriesByType("resource").map((entry) => entry.name));
    const files = new Set([page.url(), ...names, new URL("www/worker.js", page.url()).href]);
    let [raw, packed] = [0, 0];
    for (const file of [...files].filter((name) => name.startsWith("http"))) {
      const bytes = Buffer.from(await (await fetch(file)).arrayBuffer());
      raw += bytes.length;
      packed += brotliCompressSync(bytes).length;
    }
    console.log(`transferred: ${files.size} files, ${(raw / 1e6).toFixed(2)} MB, as brotli ${(packed / 1e6).toFixed(3)} MB`);
  }, wide);

const crowd = () =>
  withPage(async (page) => {
    await measured(page);
    await frames(page, "a frame of the first session at speed 1", 5);
    await page.evaluate(() => {
      for (let n = 0; n < 270; n += 1) window.terrarium.command(`producer many${n} --topic orders --rate 40/s --keys uniform:7`);
      window.terrarium.autoTempo(false);
      window.terrarium.speed(1);
      window.terrarium.play();
    });
    await page.waitForTimeout(6_000);
    await frames(page, "a frame with 270 producers more", 8);
  }, wide);

const ten = () =>
  withPage(async (page) => {
    await opened(page);
    await paused(page);
    const begun = Date.now();
    await page.evaluate(() => window.terrarium.advance(600));
    console.log(`ten minutes of the world: ${((Date.now() - begun) / 1e3).toFixed(1)} s`);
    await seeks(page, "a seek in ten minutes", 80);
  }, wide);

const HUNDRED = `cluster --brokers 100 --controllers 3 --racks a,b,c --network teaching --set offsets.topic.num.partitions=3
kafka-topics.sh --create --topic orders --partitions 400 --replication-factor 3 --config min.insync.replicas=2
kafka-topics.sh --create --topic payments --partitions 600 --replication-factor 3 --config min.insync.replicas=2
producer checkout --topic orders --rate 6/s --keys uniform:7 --producer-property acks=all
producer kiosk --topic payments --rate 6/s --keys uniform:7 --producer-property acks=all
consumer bill-1 --topic orders --group billing --consumer-property auto.offset.reset=earliest
consumer bill-2 --topic orders --group billing --consumer-property auto.offset.reset=earliest
run 5s
`;

const hundred = () =>
  withPage(async (page) => {
    await measured(page);
    await paused(page);
    const begun = Date.now();
    await page.evaluate((script) => window.terrarium.restart(script, 7), HUNDRED);
    await page.waitForFunction(() => window.terrarium.state()?.scene.brokers.length === 100, undefined, { timeout: 300_000, polling: 100 });
    const { scene, time } = await state(page);
    console.log(`100 brokers, ${scene.partitions.length} partitions, ${time.toFixed(1)} s of the world: ${((Date.now() - begun) / 1e3).toFixed(1)} s to open`);
    await page.evaluate(() => {
      window.terrarium.autoTempo(false);
      window.terrarium.speed(1);
      window.terrarium.play();
    });
    await page.waitForTimeout(2_000);
    await frames(page, "a frame of 100 brokers", 8);
    const before = (await state(page)).time;
    await page.waitForTimeout(4_000);
    console.log(`four seconds of watching show ${(((await state(page)).time - before) * 1e3).toFixed(0)} ms of the world`);
    await paused(page);
    const crash = Date.now();
    await page.evaluate(() => window.terrarium.command("crash broker 17"));
    await page.evaluate(() => window.terrarium.advance(12));
    console.log(`a crash and twelve seconds after it: ${((Date.now() - crash) / 1e3).toFixed(1)} s`);
    await seeks(page, "a seek among 100 brokers", 20);
  }, wide);

const parts = { first, frames: crowd, seek: ten, hundred };
const chosen = process.argv.slice(2);
for (const [name, part] of Object.entries(parts)) if (chosen.length === 0 || chosen.includes(name)) await part();
