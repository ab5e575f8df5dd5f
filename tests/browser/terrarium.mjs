// What the page's tests share: the session through `window.terrarium`, and patience.

import assert from "node:assert/strict";

/** The page's state; waits until the session stands. */
export async function opened(page) {
  await page.waitForFunction(() => window.terrarium?.state());
  return state(page);
}

export const state = (page) => page.evaluate(() => window.terrarium.state());

/** Waits until `holds` of the state is true; it is a function of the page, without anything from outside. */
export const until = (page, holds) =>
  page.waitForFunction(`(${holds})(window.terrarium.state())`, undefined, { timeout: 30_000, polling: 50 });

/** Pauses, where the world is, and gives the state once it stands still. */
export async function paused(page) {
  await page.evaluate(() => window.terrarium.pause());
  let before = await state(page);
  for (let tries = 0; tries < 40; tries += 1) {
    await page.waitForTimeout(150);
    const now = await state(page);
    if (now.time === before.time) return now;
    before = now;
  }
  return assert.fail("the clock does not stand still after a pause");
}

/** A session that has run for so many seconds, paused. */
export async function pausedAfter(page, seconds) {
  await opened(page);
  await paused(page);
  await page.evaluate((span) => window.terrarium.advance(span), seconds);
  return state(page);
}

/** The sum of all log end offsets. */
export const written = (it) => it.scene.partitions.reduce((sum, p) => sum + p.logEndOffset, 0);
