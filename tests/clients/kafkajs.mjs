// KafkaJS. It reads only as a member of a group.
//
// Started as `node kafkajs.mjs SCENARIO` with the cluster in BOOTSTRAP and the gateway's control port in CONTROL; the
// package is looked for below KAFKAJS.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import net from "node:net";
import readline from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

const { CompressionTypes, Kafka, KafkaJSProtocolError, logLevel } = createRequire(process.env.KAFKAJS + "/x")("kafkajs");
const brokers = process.env.BOOTSTRAP.split(",");
const TIMEOUT = 60_000;
const kafka = new Kafka({
  clientId: "kafkajs",
  brokers,
  logLevel: logLevel.NOTHING,
  retry: { initialRetryTime: 50, maxRetryTime: 1_000, retries: 60 },
});

/** The n-th record that every client writes: some have no key, no value or no headers. */
function record(n) {
  const key = n % 10 === 9 ? null : `key-${n % 7}`;
  const value = n % 13 === 12 && key ? null : `value ${n} ü`;
  return { key, value, headers: n % 2 ? { n: [String(n), "again"] } : {} };
}

function plain({ key, value, headers }) {
  const text = (bytes) => (bytes === null ? null : bytes.toString());
  const list = Object.entries(headers).map(([name, values]) => [name, [values].flat().map(text)]);
  return [text(key), text(value), list];
}

/** The gateway's control port: commands in, answers out. */
async function control() {
  const [, host, port] = process.env.CONTROL.match(/(.*):(\d+)/);
  const socket = net.connect(Number(port), host);
  const lines = readline.createInterface({ input: socket })[Symbol.asyncIterator]();
  const ask = async (command) => {
    socket.write(command + "\n");
    const answer = JSON.parse((await lines.next()).value);
    assert.ok(answer.ok, `${command}: ${answer.error?.message}`);
    return answer.ok;
  };
  return { ask, show: async (what) => (await ask(`show ${what}`)).value, end: () => socket.destroy() };
}

async function withAdmin(work) {
  const admin = kafka.admin();
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}

function create(topic, numPartitions = 3, replicationFactor = 3) {
  return withAdmin((admin) => admin.createTopics({ topics: [{ topic, numPartitions, replicationFactor }] }));
}

async function withProducer(config, work) {
  const producer = kafka.producer({ allowAutoTopicCreation: false, ...config });
  await producer.connect();
  try {
    return await work(producer);
  } finally {
    await producer.disconnect();
  }
}

const send = (topic, messages, config = {}) =>
  withProducer(config, (producer) => producer.send({ topic, messages, acks: -1, ...config }));

/** How many records a topic has. */
async function count(topic) {
  const offsets = await withAdmin((admin) => admin.fetchTopicOffsets(topic));
  return offsets.reduce((sum, { low, high }) => sum + Number(high) - Number(low), 0);
}

/** Reads a topic from its beginning to its end, as the only member of a group. */
async function read(topic, groupId = `read ${topic}`) {
  const left = await count(topic);
  const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 100 });
  const found = [];
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error(`${found.length} of ${left} records`)), TIMEOUT).unref();
    const eachMessage = async ({ message }) => {
      found.push(message);
      if (found.length === left) resolve();
    };
    consumer.run({ eachMessage }).catch(reject);
  });
  await consumer.disconnect();
  return found;
}

/** Waits until something is so. */
async function until(holds, what) {
  const deadline = Date.now() + TIMEOUT;
  while (!(await holds())) {
    assert.ok(Date.now() < deadline, `not after ${TIMEOUT} ms: ${what}`);
    await sleep(100);
  }
}

/** A member of a group, which commits what it has read. */
async function member() {
  const retry = { initialRetryTime: 50, maxRetryTime: 1_000, retries: 60 };
  const options = { groupId: "readers", maxWaitTimeInMs: 100, heartbeatInterval: 1_000, sessionTimeout: 10_000, retry };
  const consumer = kafka.consumer(options);
  const found = [];
  await consumer.connect();
  await consumer.subscribe({ topic: "ready", fromBeginning: true });
  await consumer.run({
    autoCommitThreshold: 1,
    eachMessage: async ({ message }) => void found.push(message.value.toString()),
  });
  return { found, leave: () => consumer.disconnect() };
}

async function isStable({ ask, show }, members) {
  const { out } = await ask("kafka-consumer-groups.sh --list");
  if (!out.split("\n").includes("readers") || (await show("state(readers)")) !== "Stable") return false;
  return (await show("members(readers)")).length === members;
}

async function write(from, to) {
  const values = Array.from({ length: to - from }, (_, n) => String(from + n));
  await send("ready", values.map((value, n) => ({ value, partition: n % 3 })));
  return values;
}

const valuesOf = (members) => members.flatMap(({ found }) => found).sort();

/** Two members share a topic; one leaves, and the other goes on alone from what was committed. */
async function group() {
  const gateway = await control();
  const members = [await member(), await member()];
  await until(() => isStable(gateway, 2), "two members");
  const first = await write(100, 160);
  await until(() => valuesOf(members).length >= 60, "the first records");
  assert.deepEqual(valuesOf(members), first);
  assert.ok(members.every(({ found }) => found.length > 0), "one member read everything");
  await members[0].leave();
  await until(() => isStable(gateway, 1), "one member");
  const second = await write(200, 260);
  await until(() => valuesOf(members).length >= 120, "the other records");
  assert.deepEqual(valuesOf(members), [...first, ...second]);
  await members[1].leave();
  await until(async () => (await gateway.show("lag(readers)")) === 0, "all is committed");
  gateway.end();
}

/** The group's coordinator dies: the member goes on, and what it commits is kept. */
async function coordinatorCrash() {
  const gateway = await control();
  const one = await member();
  await until(() => isStable(gateway, 1), "a member");
  const first = await write(100, 130);
  await until(async () => one.found.length >= 30 && (await gateway.show("lag(readers)")) === 0, "the first records");
  const coordinator = await gateway.show("coordinator(readers)");
  await gateway.ask(`crash broker ${coordinator}`);
  const other = `coordinator(readers) != none and coordinator(readers) != ${coordinator}`;
  await gateway.ask(`run until ${other} within 30s`);
  await gateway.ask(`start broker ${coordinator}`);
  const second = await write(200, 230);
  await until(() => one.found.length >= 60, "the other records");
  await until(async () => (await isStable(gateway, 1)) && (await gateway.show("lag(readers)")) === 0, "all is committed");
  // A commit that the dead coordinator did not answer is given up, and what it was for is read again.
  assert.deepEqual([...new Set(valuesOf([one]))], [...first, ...second]);
  await one.leave();
  gateway.end();
}

async function metadata() {
  await withAdmin(async (admin) => {
    const cluster = await admin.describeCluster();
    assert.deepEqual(cluster.brokers.map(({ host, port }) => `${host}:${port}`).sort(), [...brokers].sort());
    const { topics } = await admin.fetchTopicMetadata({ topics: ["ready"] });
    assert.equal(topics[0].partitions.length, 3);
    for (const { leader, replicas, isr } of topics[0].partitions) {
      assert.deepEqual(replicas.sort(), cluster.brokers.map(({ nodeId }) => nodeId).sort());
      assert.ok(isr.includes(leader));
    }
  });
}

async function createTopics() {
  assert.equal(await create("made", 4), true);
  const made = await withAdmin((admin) => admin.fetchTopicMetadata({ topics: ["made"] }));
  assert.equal(made.topics[0].partitions.length, 4);
  assert.equal(await create("made"), false, "a topic was created twice");
}

async function autoCreate() {
  const [sent] = await send("by-writing", [{ key: "k", value: "v" }], { allowAutoTopicCreation: true });
  assert.equal(sent.baseOffset, "0");
  assert.equal(await count("by-writing"), 1);
}

async function produceFetch() {
  const records = Array.from({ length: 300 }, (_, n) => record(n));
  await send("ready", records);
  const found = (await read("ready")).map(plain);
  const expected = records.map(plain);
  const order = (a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);
  assert.deepEqual([...found].sort(order), [...expected].sort(order));
  for (const key of new Set(expected.map(([key]) => key).filter(Boolean))) {
    const of = (all) => all.filter((one) => one[0] === key);
    assert.deepEqual(of(found), of(expected));
  }
}

async function acks() {
  for (const level of [0, 1, -1]) {
    await send("ready", Array(10).fill({ value: "acks" }), { acks: level });
  }
  const deadline = Date.now() + TIMEOUT;
  while ((await count("ready")) < 30) assert.ok(Date.now() < deadline, "not all records arrived");
}

async function listOffsets() {
  const start = 1_700_000_000_000;
  for (let n = 0; n < 10; n += 1) {
    await send("ready", [{ value: `${n}`, partition: 1, timestamp: `${start + 1_000 * n}` }]);
  }
  await withAdmin(async (admin) => {
    const of1 = (offsets) => offsets.find(({ partition }) => partition === 1);
    const { low, high } = of1(await admin.fetchTopicOffsets("ready"));
    assert.deepEqual([low, high], ["0", "10"]);
    for (const n of [0, 4, 9]) {
      const { offset } = of1(await admin.fetchTopicOffsetsByTimestamp("ready", start + 1_000 * n - 500));
      assert.equal(offset, String(n));
    }
  });
}

async function compression() {
  const values = Array.from({ length: 100 }, (_, n) => `gzip ${n} ${"x".repeat(100)}`);
  await send("ready", values.map((value) => ({ key: "k", value })), { compression: CompressionTypes.GZIP });
  assert.deepEqual((await read("ready")).map((message) => message.value.toString()), values);
}

async function large() {
  const value = Buffer.alloc(900_000);
  for (let n = 0; n < 20; n += 1) await send("ready", [{ value }]);
  assert.equal(await count("ready"), 20);
  const refused = await send("ready", [{ value: Buffer.alloc(1_500_000) }]).catch((error) => error);
  const cause = refused.cause ?? refused;
  assert.ok(cause instanceof KafkaJSProtocolError && cause.type === "MESSAGE_TOO_LARGE", String(refused));
}

/** Writes on while a fault happens: what was acknowledged is there in the end. */
const through = (fault, ms = 1_500) => async () => {
  const gateway = await control();
  const acknowledged = [];
  await withProducer({}, async (producer) => {
    let over = false;
    const write = async () => {
      for (let n = 0; !over; n += 1) {
        await producer.send({ topic: "faulty", acks: -1, messages: [{ value: `${n}` }], timeout: 10_000 });
        acknowledged.push(`${n}`);
      }
    };
    const writing = write();
    await sleep(ms / 3);
    await fault(gateway);
    await sleep(ms);
    over = true;
    await writing;
  });
  gateway.end();
  assert.ok(acknowledged.length > 0, "nothing was acknowledged");
  const found = new Set((await read("faulty")).map((message) => message.value.toString()));
  const lost = acknowledged.filter((value) => !found.has(value));
  assert.deepEqual(lost, []);
};

async function crashLeader({ ask, show }) {
  const leader = await show("leader(faulty-0)");
  await ask(`crash broker ${leader}`);
  await ask("run until leader(faulty-0) != none and epoch(faulty-0) > 0 within 30s");
  await ask(`start broker ${leader}`);
}

async function stopLeader({ ask }) {
  await ask("stop leader(faulty-0)");
  await ask("run until epoch(faulty-0) > 0 within 30s");
}

async function pauseLeader({ ask, show }) {
  const leader = await show("leader(faulty-0)");
  await ask(`pause broker ${leader}`);
  await sleep(1_000);
  await ask(`resume broker ${leader}`);
}

async function cut({ ask }) {
  for (let n = 0; n < 3; n += 1) {
    await ask("reset outside leader(faulty-0)");
    await sleep(300);
  }
}

const scenarios = {
  metadata,
  "create-topics": createTopics,
  "auto-create": autoCreate,
  "produce-fetch": produceFetch,
  acks,
  "list-offsets": listOffsets,
  compression,
  large,
  group,
  "coordinator-crash": coordinatorCrash,
  "leader-crash": through(crashLeader),
  "leader-stop": through(stopLeader),
  "leader-pause": through(pauseLeader),
  reset: through(cut),
};
await scenarios[process.argv[2]]();
