// How fast the page is: work of the main thread per frame, seeking in a session of ten minutes, the first picture.
//
//   cargo xtask serve --release --port 8123
//   TERRARIUM_URL=http://127.0.0.1:8123/ CHROME_PATH=/usr/bin/chromium node tests/browser/bench.mjs
//
// It prints percentiles and judges nothing: a shared machine is no yardstick. As a yardstick within the same run it
// prints how long the main thread takes for a fixed piece of arithmetic.

import { withPage } from "./harness.mjs";
import { opened, paused } from "./terrarium.mjs";

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
  await page.evaluate(() => (window.frames_ms.length = 0));
  await page.waitForTimeout(seconds * 1_000);
  print(what, await page.evaluate(() => window.frames_ms));
}

await withPage(async (page) => {
  await page.addInitScript(measureFrames);
  const begun = Date.now();
  await page.reload();
  await opened(page);
  console.log(`first picture: ${Date.now() - begun} ms after the address was entered`);
  const work = await page.evaluate(() => {
    const begun = performance.now();
    let x = 1;
    for (let n = 0; n < 5_000_000; n += 1) x = (x * 1_103_515_245 + 12_345) | 0;
    return [performance.now() - begun, x][0];
  });
  console.log(`yardstick: five million multiplications take ${work.toFixed(1)} ms`);
  await frames(page, "a frame at speed 1", 5);
  await page.evaluate(() => {
    for (let n = 0; n < 60; n += 1) window.terrarium.command(`producer many${n} --topic orders --rate 20/s --keys uniform:7`);
    window.terrarium.autoTempo(false);
    window.terrarium.speed(1);
    window.terrarium.play();
  });
  await page.waitForTimeout(4_000);
  await frames(page, "a frame with sixty producers more", 5);
}, wide);

await withPage(async (page) => {
  await opened(page);
  await paused(page);
  const begun = Date.now();
  await page.evaluate(() => window.terrarium.advance(600));
  console.log(`ten minutes of the world: ${((Date.now() - begun) / 1e3).toFixed(1)} s`);
  const seeks = await page.evaluate(async () => {
    const { end } = window.terrarium.state();
    const all = [];
    for (let n = 0; n < 80; n += 1) {
      const begun = performance.now();
      await window.terrarium.seek(((n * 0.618_034) % 1) * end);
      all.push(performance.now() - begun);
    }
    return all;
  });
  print("a seek in ten minutes", seeks);
}, wide);
