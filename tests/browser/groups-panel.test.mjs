// Groups of consumers: the panel, rebalances request by request, resetting and deleting, all by what a person does.

import assert from "node:assert/strict";
import { test } from "node:test";
import { withPage } from "./harness.mjs";
import { pausedAfter, state } from "./terrarium.mjs";

const wide = { viewport: { width: 1440, height: 900 } };
const advance = (page, seconds) => page.evaluate((span) => window.terrarium.advance(span), seconds);
const panel = (page) => page.locator(".groups");

/** A page with group-1 of one member, stable, with something committed; its tab is open. */
async function withGroup(page) {
  await pausedAfter(page, 1);
  await page.evaluate(() =>
    window.terrarium.command("consumer m1 --topic orders --group group-1 --consumer-property auto.offset.reset=earliest --consumer-property auto.commit.interval.ms=1000"),
  );
  await advance(page, 14);
  await page.getByRole("tab", { name: "Groups" }).click();
  await panel(page).getByRole("button", { name: "group-1" }).click();
  await panel(page).locator(".state", { hasText: "Stable" }).waitFor();
}

test("members, assignment, lag, and a rebalance followed request by request", () =>
  withPage(async (page) => {
    await withGroup(page);
    await panel(page).getByText("generation 1, coordinator broker").waitFor();
    const member = panel(page).locator("tr", { hasText: "m1" }).first();
    assert.equal(await member.locator(".held").count(), 3);
    await panel(page).locator(".lagchart").first().waitFor();
    const offsets = panel(page).locator("table", { hasText: "Offsets of group-1" }).locator("tbody tr");
    await offsets.first().waitFor();
    const cells = await offsets.first().locator("td.r").allTextContents();
    assert.ok(cells.length === 4 && cells.every((cell) => /^\d+$/.test(cell)), cells.join());
    assert.equal(Number(cells[3]), Math.max(0, Number(cells[2]) - Number(cells[0])), "lag is log end less committed");

    await panel(page).getByRole("button", { name: "Add a member" }).click();
    await advance(page, 14);
    await panel(page).getByText("generation 2, coordinator broker").waitFor();
    const round = panel(page).locator(".rounds details").first();
    await round.locator("summary", { hasText: "Generation 2" }).waitFor();
    for (const what of [/sends .* JoinGroup\.$/, /REBALANCE_IN_PROGRESS/, /answers .*SyncGroup\.$/]) {
      await round.locator("li button", { hasText: what }).first().waitFor();
    }
    const { time } = await state(page);
    await round.locator("li button", { hasText: /sends .* JoinGroup\.$/ }).first().click();
    await page.getByRole("heading", { name: "JoinGroup request" }).waitFor();
    assert.ok((await state(page)).time < time, "the message's own moment");
    await page.locator(".tree", { hasText: "GroupId" }).waitFor();
    await page.locator(".why li").nth(1).waitFor();
  }, wide));

test("Kafka refuses to reset and to delete a group that is active, and does both when it is not", () =>
  withPage(async (page) => {
    await withGroup(page);
    await panel(page).getByRole("button", { name: "Reset", exact: true }).click();
    await advance(page, 3);
    await panel(page).locator(".answer", { hasText: "Assignments can only be reset if the group 'group-1' is inactive" }).waitFor();
    await panel(page).getByRole("button", { name: "Delete the group" }).click();
    await advance(page, 3);
    await panel(page).locator(".answer", { hasText: "The group is not empty" }).waitFor();
    await page.evaluate(() => window.terrarium.command("close m1"));
    await advance(page, 3);
    await panel(page).locator(".state", { hasText: "Empty" }).waitFor();
    await panel(page).getByRole("button", { name: "Reset", exact: true }).click();
    await advance(page, 3);
    await panel(page).locator(".answer", { hasText: "NEW-OFFSET" }).waitFor();
    const committed = panel(page).locator("table", { hasText: "Offsets of group-1" }).locator("tbody tr td:nth-child(2)");
    await page.waitForFunction(() => [...document.querySelectorAll(".groups table caption")].length > 0);
    assert.deepEqual(new Set(await committed.allTextContents()), new Set(["0"]));
    await panel(page).getByRole("button", { name: "Delete the group" }).click();
    await advance(page, 3);
    await page.waitForFunction(() => ![...document.querySelectorAll(".groups .seg button")].some((b) => b.textContent === "group-1"));
  }, wide));
