// Direct manipulation: brokers, topics, clients and groups are added, configured and removed; and what led to an event.

import assert from "node:assert/strict";
import { test } from "node:test";
import { withPage } from "./harness.mjs";
import { opened, pausedAfter, state, until } from "./terrarium.mjs";

const wide = { viewport: { width: 1440, height: 900 } };
const advance = (page, seconds) => page.evaluate((span) => window.terrarium.advance(span), seconds);
const command = (page, line) => page.evaluate((line) => window.terrarium.command(line), line);

test("a broker joins with one press, and leaves for good", () =>
  withPage(async (page) => {
    await pausedAfter(page, 1);
    await page.keyboard.press("b");
    await advance(page, 5);
    await until(page, (s) => s.scene.brokers.length === 4);
    await page.getByRole("tab", { name: "Tables" }).click();
    await page.locator("tr", { hasText: "Broker 4" }).locator("td", { hasText: "in service" }).waitFor();
    await command(page, "stop broker 4");
    await advance(page, 8);
    const answer = command(page, "kafka-cluster.sh unregister --id 4");
    await advance(page, 3);
    assert.match(await answer, /no longer registered/);
    await until(page, (s) => s.scene.brokers.length === 3);
    const { steps } = await state(page);
    await page.evaluate(() => window.terrarium.save());
    await page.reload();
    await opened(page);
    await until(page, `(s) => s.steps === ${steps} && s.scene.brokers.length === 3`);
  }, wide));

test("something new is composed, checked as it is filled in, and added", () =>
  withPage(async (page) => {
    await pausedAfter(page, 1);
    await page.keyboard.press("n");
    const dialog = page.getByRole("dialog", { name: "Something new" });
    await dialog.getByRole("button", { name: "Producer", exact: true }).click();
    await dialog.getByLabel("name", { exact: true }).fill("careful");
    await dialog.getByLabel("rate").fill("soon");
    await dialog.getByRole("alert").waitFor();
    assert.ok(await dialog.getByRole("button", { name: "Add producer" }).isDisabled());
    await dialog.getByLabel("rate").fill("2/s");
    await dialog.getByLabel("acks").selectOption("1");
    await dialog.getByLabel("configs, as name=value").fill("linger.ms=40 batch.size=2000");
    await dialog.getByText("--producer-property linger.ms=40 --producer-property batch.size=2000").waitFor();
    await dialog.getByRole("button", { name: "Add producer" }).click();
    await dialog.waitFor({ state: "detached" });
    await until(page, (s) => s.scene.producers.some((p) => p.name === "careful"));
    // What it is configured with.
    await page.getByRole("tab", { name: "Tables" }).click();
    await page.locator(".panel").getByRole("button", { name: "careful" }).click();
    await page.getByRole("button", { name: "Configure careful" }).click();
    const configs = page.getByRole("dialog", { name: "Configs of careful" });
    const field = (name) => configs.getByLabel(new RegExp(`^${name.replaceAll(".", "\\.")}`));
    const shows = (name, value) => page.waitForFunction(([name, value]) => {
      const row = [...document.querySelectorAll(".configs li")].find((li) => li.querySelector("code").textContent === name);
      return row?.querySelector("input").value === value;
    }, [name, value]);
    await shows("linger.ms", "40");
    await shows("acks", "1");
    // Another value is checked as it is typed, and closes the producer and starts it again; so does what it sends.
    await field("delivery.timeout.ms").fill("1");
    await configs.getByRole("alert").getByText("delivery.timeout.ms should be equal to or larger than").waitFor();
    await field("linger.ms").fill("70");
    await field("linger.ms").press("Enter");
    await shows("linger.ms", "70");
    await field("--rate").fill("9/s");
    await field("--rate").press("Enter");
    await shows("--rate", "9/s");
    await shows("linger.ms", "70");
    await page.keyboard.press("Escape");
    await advance(page, 2);
    await page.locator(".insp").getByText("restart producer careful --rate 9/s").waitFor();
    // Each is a command, and can be undone.
    await page.keyboard.press("Control+z");
    await page.keyboard.press("Control+z");
    await until(page, (s) => s.scene.producers.some((p) => p.name === "careful"));
    await page.getByRole("button", { name: "Configure careful" }).click();
    await shows("linger.ms", "40");
    await shows("--rate", "2/s");
  }, wide));

test("configs of a broker and of all brokers are set and reset", () =>
  withPage(async (page) => {
    await pausedAfter(page, 1);
    await page.getByRole("tab", { name: "Tables" }).click();
    await page.locator(".panel").getByRole("button", { name: "Broker 2" }).click();
    await page.getByRole("button", { name: "Configure all brokers" }).click();
    const all = page.getByRole("dialog", { name: "Configs of all brokers" });
    await all.getByRole("searchbox").fill("message.max");
    const field = all.getByLabel(/^message\.max\.bytes/);
    await field.fill("-1");
    await all.getByRole("alert").waitFor();
    await field.fill("2000000");
    await field.press("Enter");
    await advance(page, 2);
    await all.locator("li.set", { hasText: "message.max.bytes" }).waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Configure broker 2" }).click();
    const one = page.getByRole("dialog", { name: "Configs of broker 2" });
    await one.getByRole("searchbox").fill("message.max");
    await one.getByText("2000000 in the cluster-wide default").waitFor();
    await one.getByRole("searchbox").fill("broker.session.timeout");
    assert.ok(await one.getByLabel(/^broker\.session\.timeout\.ms/).evaluate((input) => input.readOnly));
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Configure all brokers" }).click();
    await all.locator("li.set", { hasText: "message.max.bytes" }).getByRole("button", { name: "Reset" }).click();
    await advance(page, 2);
    await page.waitForFunction(() => ![...document.querySelectorAll(".configs li.set")].some((row) => row.textContent.includes("message.max.bytes")));
  }, wide));

test("a record is inspected, and what wrote it is followed back", () =>
  withPage(async (page) => {
    await pausedAfter(page, 3);
    await page.getByRole("tab", { name: "Records" }).click();
    await page.locator(".browser tbody th button").nth(6).click();
    await page.getByRole("heading", { name: /orders-\d at \d+/ }).waitFor();
    const inspector = page.locator(".insp");
    await inspector.getByText("committed, below the high watermark").waitFor();
    await inspector.locator("table", { hasText: "Broker 3" }).waitFor();
    await inspector.locator(".why li", { hasText: "Produce." }).first().waitFor();
    const { time } = await state(page);
    await inspector.locator(".why li", { hasText: "Produce." }).first().getByRole("button").click();
    await page.getByRole("heading", { name: "Produce request" }).waitFor();
    assert.ok((await state(page)).time < time);
  }, wide));

test("a topic gets another partition, and goes", () =>
  withPage(async (page) => {
    await pausedAfter(page, 1);
    // Nobody works with it: clients would have it created again.
    const made = command(page, "kafka-topics.sh --create --topic quiet --partitions 1 --replication-factor 3");
    await advance(page, 3);
    await made;
    await page.getByRole("tab", { name: "Tables" }).click();
    await page.locator(".panel").getByRole("button", { name: "quiet-0" }).click();
    await page.getByRole("button", { name: "Add a partition to quiet" }).click();
    await advance(page, 3);
    await until(page, (s) => s.scene.partitions.filter((p) => p.name.startsWith("quiet-")).length === 2);
    await page.getByRole("button", { name: "Delete topic quiet" }).click();
    await advance(page, 3);
    await until(page, (s) => !s.scene.topics.includes("quiet"));
  }, wide));
