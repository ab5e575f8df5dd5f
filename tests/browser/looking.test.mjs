// Looking into it: messages down to their bytes, records, metrics, configs, sessions, and the page for a hall.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { withPage } from "./harness.mjs";
import { opened, pausedAfter, state, until } from "./terrarium.mjs";

const wide = { viewport: { width: 1440, height: 900 } };
const tab = (page, name) => page.getByRole("tab", { name }).click();

test("a message is taken apart: fields and bytes point at each other", () =>
  withPage(async (page) => {
    await pausedAfter(page, 1);
    await tab(page, "Messages");
    await page.getByRole("button", { name: /^Produce v\d+ request/ }).last().click();
    await page.getByRole("heading", { name: "Produce request" }).waitFor();
    const field = page.locator(".tree [role=option]", { hasText: "RequestApiKey" });
    await field.hover();
    await page.locator(".hex b .on").nth(1).waitFor();
    assert.equal(await page.locator(".hex b .on").count(), 2, "an int16 is two bytes");
    assert.match(await field.textContent(), /0 Produce/);
    await page.locator(".hex b span").first().hover();
    await page.locator('.tree [aria-selected="true"]', { hasText: "Size" }).waitFor();
    await page.locator(".tree").focus();
    await page.keyboard.press("Home");
    await page.keyboard.press("ArrowDown");
    await page.locator('.tree [aria-selected="true"]', { hasText: "Header" }).waitFor();
    assert.ok((await page.locator(".tree", { hasText: "baseOffset" }).count()) > 0, "down to the record batch");
    await page.getByRole("button", { name: "See the other half" }).click();
    await page.getByRole("heading", { name: "Produce response" }).waitFor();
  }, wide));

test("records are browsed, filtered and sent", () =>
  withPage(async (page) => {
    await pausedAfter(page, 2);
    await tab(page, "Records");
    await page.locator(".browser tbody tr").nth(1).waitFor();
    await page.getByLabel("key", { exact: true }).fill("by-hand");
    await page.getByLabel("value", { exact: true }).fill('{"n": 1}');
    await page.getByRole("button", { name: /^Send to orders-0/ }).click();
    await page.evaluate(() => window.terrarium.advance(2));
    await page.getByLabel("Text that key, value or a header holds").fill("by-hand");
    await page.locator(".browser tbody tr", { hasText: "by-hand" }).waitFor();
    await page.waitForFunction(() => document.querySelectorAll(".browser tbody tr").length === 1);
    await page.getByRole("button", { name: "Hex" }).click();
    await page.locator(".browser tbody tr", { hasText: "62 79 2d" }).waitFor();
  }, wide));

test("metrics have Kafka's names and follow the cluster", () =>
  withPage(async (page) => {
    await pausedAfter(page, 2);
    await tab(page, "Metrics");
    const row = page.locator(".metrics tr", { hasText: "kafka.controller:type=KafkaController,name=FencedBrokerCount" });
    await row.waitFor();
    assert.equal(await row.locator("td.r").textContent(), "0");
    await page.evaluate(() => window.terrarium.command("crash broker 2"));
    await page.evaluate(() => window.terrarium.advance(15));
    await page.waitForFunction(
      () => [...document.querySelectorAll(".metrics tr")].some((r) => r.textContent.includes("FencedBrokerCount") && r.querySelector("td.r").textContent === "1"),
    );
  }, wide));

test("a topic's config is checked as it is typed, set and reset", () =>
  withPage(async (page) => {
    await pausedAfter(page, 1);
    await page.getByRole("button", { name: "Configure topic orders" }).click();
    const dialog = page.getByRole("dialog", { name: "Configs of orders" });
    const field = dialog.getByLabel(/^min\.insync\.replicas/);
    await field.fill("x");
    await dialog.getByRole("alert").waitFor();
    await field.fill("1");
    await field.press("Enter");
    await page.evaluate(() => window.terrarium.advance(2));
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    await page.locator(".insp", { hasText: "Topic config" }).waitFor();
    await tab(page, "Terminal");
    await page.locator(".term", { hasText: "--add-config" }).waitFor();
    const value = await page.evaluate(() => {
      const answer = window.terrarium.command("kafka-configs.sh --describe --entity-type topics --entity-name orders");
      return window.terrarium.advance(1).then(() => answer);
    });
    assert.match(value, /min\.insync\.replicas=1/);
  }, wide));

test("sessions are kept, renamed, exported, imported, opened and removed", () =>
  withPage(async (page) => {
    const before = await pausedAfter(page, 1);
    const answers = ["The first", "Renamed", "yes"];
    page.on("dialog", (dialog) => dialog.accept(answers.shift()));
    await page.getByRole("button", { name: "First light" }).click();
    const dialog = page.getByRole("dialog", { name: "Sessions" });
    await dialog.getByRole("button", { name: "Keep a copy" }).click();
    await dialog.locator("li", { hasText: "The first" }).waitFor();
    await dialog.getByRole("button", { name: "Rename The first" }).click();
    await dialog.locator("li", { hasText: "Renamed" }).waitFor();
    const [download] = await Promise.all([page.waitForEvent("download"), dialog.getByRole("button", { name: "Export Renamed" }).click()]);
    const bytes = await readFile(await download.path());
    assert.equal(bytes.subarray(0, 8).toString(), "KTERRASV");
    await dialog.locator("input[type=file]").setInputFiles({ name: "a.save", mimeType: "application/octet-stream", buffer: bytes });
    await page.waitForFunction(() => document.querySelectorAll(".sessions li").length === 2);
    await dialog.locator("input[type=file]").setInputFiles({ name: "b.save", mimeType: "text/plain", buffer: Buffer.from("no save") });
    await dialog.getByRole("alert").waitFor();
    await dialog.getByRole("button", { name: "Remove Renamed" }).first().click();
    await page.waitForFunction(() => document.querySelectorAll(".sessions li").length === 1);
    await page.keyboard.press("Escape");
    await page.evaluate(() => window.terrarium.advance(3));
    await page.getByRole("button", { name: "First light" }).click();
    await dialog.getByRole("button", { name: "Open Renamed" }).click();
    await until(page, `(s) => s.traceHash === "${before.traceHash}"`);
    await page.getByRole("button", { name: "Renamed" }).click();
    await dialog.locator("li", { hasText: "First light" }).waitFor();
  }, wide));

test("for a hall: large type, a caption, a clicker's keys; embedded: only the stage and playback", async () => {
  await withPage(async (page) => {
    await pausedAfter(page, 1);
    await page.keyboard.press("f");
    await page.locator(".caption").waitFor();
    assert.equal(await page.locator(".topbar").isVisible(), false);
    const { time } = await state(page);
    await page.keyboard.press("PageUp");
    await until(page, `(s) => s.time < ${time}`);
    await page.keyboard.press("b");
    await page.locator(".blank").waitFor();
    await page.keyboard.press("b");
    await page.keyboard.press("Escape");
    await page.locator(".topbar").waitFor();
  }, wide);
  await withPage(
    async (page) => {
      await opened(page);
      await page.getByRole("button", { name: "Pause" }).waitFor();
      assert.equal(await page.locator(".tools").isVisible(), false);
    },
    { ...wide, path: "?embed" },
  );
});

test("the history is judged as Jepsen would, with links to its moments", () =>
  withPage(async (page) => {
    await pausedAfter(page, 1);
    await page.evaluate(async () => {
      const does = (line) => window.terrarium.command(line);
      const made = does("kafka-topics.sh --create --topic t --partitions 1 --replication-factor 3");
      await window.terrarium.advance(3);
      await made;
      await does("producer again --topic t --producer-property enable.idempotence=false --producer-property request.timeout.ms=1000 --producer-property delivery.timeout.ms=60000");
      await window.terrarium.advance(1);
      await does("send again value=once");
      await window.terrarium.advance(1);
      for (const broker of [1, 2, 3]) await does(`cut broker ${broker} producer again --one-way`);
      await does("send again value=twice");
      await window.terrarium.advance(4);
      await does("heal");
      await window.terrarium.advance(40);
    });
    await page.getByRole("button", { name: "Judge the history" }).click();
    const dialog = page.getByRole("dialog", { name: "The history, as Jepsen judges it" });
    await dialog.getByRole("heading", { name: "duplicate: 1" }).waitFor();
    const line = dialog.locator("li", { hasText: "t-0: twice is at @1 and @2" });
    const { time } = await state(page);
    await line.getByRole("button").first().click();
    await dialog.waitFor({ state: "detached" });
    await until(page, `(s) => s.time < ${time}`);
  }, { viewport: { width: 1440, height: 900 } }));
