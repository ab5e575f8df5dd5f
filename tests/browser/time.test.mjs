// Back and forth in time: any moment is found again, the past is changed only when that is asked for, commands are undone.

import assert from "node:assert/strict";
import { test } from "node:test";
import { withPage } from "./harness.mjs";
import { opened, pausedAfter, state, until } from "./terrarium.mjs";

const wide = { viewport: { width: 1440, height: 900 } };
const call = (page, name, ...given) => page.evaluate(([name, given]) => window.terrarium[name](...given), [name, given]);
const picture = ({ time, steps, events, traceHash, scene }) => ({ time, steps, events, traceHash, scene });

/** A session in which the leader of orders-0 has crashed and another was elected; what it was before. */
async function elected(page) {
  const before = await pausedAfter(page, 2);
  const { leader } = before.scene.partitions[0];
  // A moment belongs to what is done at it: the one before the crash is a little earlier.
  await call(page, "advance", 0.01);
  await call(page, "command", `crash broker ${leader}`);
  await call(page, "advance", 12);
  const after = await state(page);
  assert.notEqual(after.scene.partitions[0].leader, leader);
  return { before, after, leader };
}

test("a leader crashes, the person goes back before it and does otherwise", () =>
  withPage(async (page) => {
    const { before, after, leader } = await elected(page);
    assert.ok(after.marks > before.marks, "the crash and what followed are marked");
    await call(page, "seek", before.time);
    const back = await state(page);
    assert.deepEqual(picture(back).scene, picture(before).scene);
    assert.equal(back.end, after.time);
    await call(page, "seek", after.time);
    assert.deepEqual(picture(await state(page)), picture(after), "the same history follows");
    await call(page, "seek", before.time);
    const refused = await page.evaluate(() => window.terrarium.command("crash broker 3").catch((e) => e.message));
    assert.match(refused, /the past/);
    await page.locator("canvas[role=listbox]").focus();
    await page.keyboard.press("x");
    const dialog = page.getByRole("dialog", { name: "Change the past?" });
    await dialog.waitFor();
    await page.getByRole("button", { name: "Leave it as it was" }).click();
    await dialog.waitFor({ state: "detached" });
    assert.equal((await state(page)).end, after.time, "nothing was replaced");
    const other = (leader % 3) + 1;
    await call(page, "command", `crash broker ${other}`, true);
    await call(page, "advance", 12);
    const { scene, end, time } = await state(page);
    assert.equal(end, time);
    const down = scene.brokers.filter((b) => b.process === "down").map((b) => b.id);
    assert.deepEqual(down, [other]);
  }, wide));

test("a step back is undone by a step forward, and the arrow keys do both", () =>
  withPage(async (page) => {
    const there = await pausedAfter(page, 1);
    await call(page, "step");
    const stepped = await state(page);
    await page.keyboard.press("ArrowLeft");
    await until(page, `(s) => s.steps === ${there.steps}`);
    await page.keyboard.press("ArrowRight");
    await until(page, `(s) => s.steps === ${stepped.steps}`);
    assert.equal((await state(page)).traceHash, stepped.traceHash);
    for (let n = 0; n < 5; n += 1) await call(page, "stepBack");
    assert.equal((await state(page)).steps, stepped.steps - 5);
  }));

test("a command is undone and done again from the keyboard", () =>
  withPage(async (page) => {
    await pausedAfter(page, 1);
    const before = await state(page);
    await call(page, "command", "crash broker 2");
    await call(page, "advance", 2);
    const after = await state(page);
    await page.getByRole("button", { name: "Undo the last command" }).waitFor();
    await page.keyboard.press("Control+z");
    await until(page, `(s) => s.steps === ${before.steps}`);
    const undone = await state(page);
    assert.deepEqual([undone.end, undone.scene.brokers[1].process], [undone.time, "running"]);
    await page.keyboard.press("Control+Shift+Z");
    await until(page, `(s) => s.steps === ${after.steps}`);
    assert.deepEqual(picture(await state(page)), picture(after));
  }));

test("the timeline: marks lead to their moments, the track is moved by keys, lanes say who led", () =>
  withPage(async (page) => {
    const { after } = await elected(page);
    await page.getByRole("button", { name: "Previous event worth stopping at" }).click();
    await until(page, `(s) => s.time < ${after.time}`);
    const crash = page.locator(".knot.octagon").last();
    await crash.click();
    await until(page, `(s) => s.time < ${after.time} - 5`);
    const moment = page.getByRole("slider", { name: "Moment" });
    const { time } = await state(page);
    await moment.focus();
    await page.keyboard.press("End");
    await until(page, `(s) => s.time > ${time}`);
    assert.ok((await page.locator(".span.gone").count()) > 0, "a lane shows that its leader was down");
    await page.getByRole("button", { name: "Next event worth stopping at" }).click();
    await page.waitForTimeout(500);
  }, wide));

test("a page that is loaded again while it shows the past has the whole session", () =>
  withPage(async (page) => {
    const { before, after } = await elected(page);
    await call(page, "seek", before.time);
    assert.equal(await call(page, "save"), true);
    await page.reload();
    const loaded = await opened(page);
    assert.equal(loaded.traceHash, after.traceHash);
    assert.equal(loaded.marks, after.marks);
    await call(page, "seek", before.time);
    assert.deepEqual((await state(page)).scene, before.scene);
  }));

test("pausing stays where the picture is, whatever was computed ahead", () =>
  withPage(async (page) => {
    await opened(page);
    await call(page, "speed", 0.25);
    await call(page, "play");
    await page.waitForTimeout(700);
    const playing = await state(page);
    await call(page, "pause");
    await page.waitForTimeout(300);
    const { time, end } = await state(page);
    assert.equal(end, time, "what nobody saw has not happened");
    assert.ok(time - playing.time < 0.1, `${playing.time} to ${time}`);
  }));
