// A run of the gateway, recorded with --record, opens in the page and is scrubbed there.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { withPage } from "./harness.mjs";
import { opened, paused, state, until } from "./terrarium.mjs";

const program = process.env.TERRARIUM_BIN;

/** An ApiVersions request of version 0 with its length before it, as a client on a socket sends it first. */
function apiVersions(client) {
  const body = Buffer.alloc(10 + client.length);
  body.writeInt16BE(18, 0);
  body.writeInt16BE(0, 2);
  body.writeInt32BE(7, 4);
  body.writeInt16BE(client.length, 8);
  body.write(client, 10);
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length);
  return Buffer.concat([length, body]);
}

/** The bytes of a session in which a client came from outside. */
async function record(folder) {
  const file = join(folder, "recorded.save");
  const gateway = spawn(program, ["gateway", "--record", file, "--listen", "127.0.0.1:0", "--seed", "5", "--quiet"]);
  const lines = createInterface({ input: gateway.stdout })[Symbol.asyncIterator]();
  const { ready } = JSON.parse((await lines.next()).value);
  const [host, port] = ready.bootstrap.split(",")[0].split(":");
  const socket = connect(Number(port), host);
  socket.write(apiVersions("somebody"));
  const [answer] = await once(socket, "data");
  assert.equal(answer.readInt32BE(4), 7, "the answer's correlation id");
  socket.destroy();
  gateway.stdin.write("kafka-topics.sh --create --topic from-outside --partitions 2\n");
  await lines.next();
  gateway.stdin.write("run 3s\n");
  await lines.next();
  gateway.stdin.end("quit\n");
  await once(gateway, "exit");
  return readFile(file);
}

test("a recorded run of the gateway is opened and scrubbed", { skip: !program && "no terrarium" }, async () => {
  const folder = await mkdtemp(join(tmpdir(), "terrarium-"));
  try {
    const bytes = await record(folder);
    await withPage(async (page) => {
      await opened(page);
      await paused(page);
      await page.keyboard.press("s");
      const dialog = page.getByRole("dialog", { name: "Sessions" });
      const file = { name: "recorded.save", mimeType: "application/octet-stream", buffer: bytes };
      await dialog.locator("input[type=file]").setInputFiles(file);
      await dialog.getByRole("button", { name: /^Open / }).first().click();
      await until(page, (s) => s?.seed === "5");
      await paused(page);
      const end = await state(page);
      assert.deepEqual(end.scene.topics, ["from-outside"]);
      await page.getByRole("tab", { name: "Event log" }).click();
      await page.locator(".log", { hasText: "Clients from outside the world can connect" }).waitFor();
      await page.evaluate((to) => window.terrarium.seek(to), end.time - 2.9);
      const before = await state(page);
      assert.ok(before.time < end.time - 2, `${before.time} before ${end.time}`);
      await page.evaluate((to) => window.terrarium.seek(to), end.time);
      assert.equal((await state(page)).traceHash, end.traceHash, "the same history again");
    }, { viewport: { width: 1440, height: 900 } });
  } finally {
    await rm(folder, { recursive: true });
  }
});
