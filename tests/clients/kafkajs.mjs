// KafkaJS. It reads only as a member of a group.
//
// Started as `node kafkajs.mjs SCENARIO` with the cluster in BOOTSTRAP and the gateway's control port in CONTROL; the
// package is looked for below KAFKAJS.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import net from "node:net";
import readline from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

const { CompressionTypes, ConfigResourceTypes, Kafka, KafkaJSProtocolError, logLevel } = createRequire(
  process.env.KAFKAJS + "/x",
)("kafkajs");
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

/** Writes on, one number after the other, while `work` is done; what got an acknowledgement. */
async function writing(topic, config, work) {
  const acknowledged = [];
  await withProducer({ maxInFlightRequests: 1, ...config }, async (producer) => {
    let over = false;
    const write = async () => {
      for (let n = 0; !over; n += 1) {
        await producer.send({ topic, acks: -1, messages: [{ value: `${n}` }], timeout: 10_000 });
        acknowledged.push(`${n}`);
      }
    };
    const written = write();
    await work();
    over = true;
    await written;
  });
  assert.ok(acknowledged.length > 0, "nothing was acknowledged");
  return acknowledged;
}

/** Writes on while a fault happens: what was acknowledged is there in the end, of an idempotent producer once. */
const through = (fault, idempotent = false, ms = 1_500) => async () => {
  const gateway = await control();
  const acknowledged = await writing("faulty", { idempotent }, async () => {
    await sleep(ms / 3);
    await fault(gateway);
    await sleep(ms);
  });
  gateway.end();
  const found = (await read("faulty")).map((message) => message.value.toString());
  if (idempotent) return assert.deepEqual(found, acknowledged);
  const all = new Set(found);
  assert.deepEqual(acknowledged.filter((value) => !all.has(value)), []);
};

/** The group that reads the topic `ready`. */
const GROUP = "g";

/** Waits until it is so. */
async function wait(condition, what) {
  const deadline = Date.now() + 90_000;
  while (!(await condition())) {
    assert.ok(Date.now() < deadline, what);
    await sleep(20);
  }
}

/** A member of the group, which reads and commits until it is told to end. */
async function member() {
  const consumer = kafka.consumer({ groupId: GROUP, maxWaitTimeInMs: 100, heartbeatInterval: 500 });
  const found = { values: [], partitions: [], end: () => consumer.disconnect() };
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    found.partitions = payload.memberAssignment.ready ?? [];
  });
  await consumer.connect();
  await consumer.subscribe({ topic: "ready", fromBeginning: true });
  await consumer.run({
    autoCommitThreshold: 100,
    eachMessage: async ({ message }) => void found.values.push(message.value.toString()),
  });
  return found;
}

async function group() {
  const gateway = await control();
  for (const [first, last] of [[0, 100], [100, 150]]) {
    const sent = Array.from({ length: last - first }, (_, n) => `${first + n}`);
    await send("ready", sent.map((value) => ({ value })));
    const reader = await member();
    await wait(() => reader.values.length >= sent.length, "not all that was sent is read");
    await sleep(500);
    await reader.end();
    assert.deepEqual(reader.values.sort(), sent.sort());
    const committed = [];
    for (const partition of [0, 1, 2]) committed.push((await gateway.show(`committed(${GROUP}, ready-${partition})`)) ?? 0);
    assert.equal(committed.reduce((sum, one) => sum + one), last);
  }
  gateway.end();
}

async function rebalance() {
  const first = await member();
  await wait(() => first.partitions.length === 3, "the first member has not got all partitions");
  const second = await member();
  const shared = () => second.partitions.length > 0 && first.partitions.length + second.partitions.length === 3;
  await wait(shared, "the members do not share the partitions");
  assert.deepEqual([...first.partitions, ...second.partitions].sort(), [0, 1, 2]);
  await second.end();
  await wait(() => first.partitions.length === 3, "the other member has not got all partitions");
  await first.end();
}

/** Two members read what is written while a fault happens: all of it, and the end is committed. */
const readThrough = (fault, ms = 1_500) => async () => {
  const gateway = await control();
  const members = [await member(), await member()];
  await wait(() => members.every(({ partitions }) => partitions.length > 0), "the members do not share the partitions");
  const acknowledged = await writing("ready", {}, async () => {
    await sleep(ms / 3);
    await fault(gateway);
    await sleep(ms);
  });
  const missing = () => {
    const read = new Set(members.flatMap(({ values }) => values));
    return acknowledged.filter((value) => !read.has(value));
  };
  await wait(() => missing().length === 0, "not all that was acknowledged is read");
  await sleep(500);
  for (const { end } of members) await end();
  assert.equal(await gateway.show(`lag(${GROUP})`), 0);
  gateway.end();
};

async function administration() {
  await send("ready", [{ value: "1" }, { value: "2" }]);
  const reader = await member();
  await wait(() => reader.values.length === 2, "not all that was sent is read");
  await withAdmin(async (admin) => {
    const described = await admin.describeGroups([GROUP]);
    assert.deepEqual([described.groups[0].state, described.groups[0].members.length], ["Stable", 1]);
    await reader.end();
    assert.deepEqual((await admin.listGroups()).groups.map(({ groupId }) => groupId), [GROUP]);
    const [offsets] = await admin.fetchOffsets({ groupId: GROUP, topics: ["ready"] });
    assert.equal(offsets.partitions.reduce((sum, { offset }) => sum + Math.max(0, Number(offset)), 0), 2);
    await admin.deleteGroups([GROUP]);
    assert.deepEqual((await admin.listGroups()).groups, []);
    const resource = { type: ConfigResourceTypes.TOPIC, name: "ready" };
    const configEntries = [{ name: "retention.ms", value: "60000" }];
    await admin.alterConfigs({ validateOnly: false, resources: [{ ...resource, configEntries }] });
    const retention = async () => {
      const { resources } = await admin.describeConfigs({ resources: [{ ...resource, configNames: ["retention.ms"] }] });
      return resources[0].configEntries[0].configValue === "60000";
    };
    await wait(retention, "the config is not changed");
    await admin.createPartitions({ topicPartitions: [{ topic: "ready", count: 5 }] });
    const partitions = async () => (await admin.fetchTopicMetadata({ topics: ["ready"] })).topics[0].partitions.length;
    await wait(async () => (await partitions()) === 5, "the partitions are not there");
    await admin.deleteTopics({ topics: ["ready"] });
    await wait(async () => !(await admin.listTopics()).includes("ready"), "the topic is still there");
  });
}

const crashLeaderOf = (partition) => async ({ ask, show }) => {
  const leader = await show(`leader(${partition})`);
  await ask(`crash broker ${leader}`);
  await ask(`run until leader(${partition}) != none and epoch(${partition}) > 0 within 30s`);
  await ask(`start broker ${leader}`);
};
const crashLeader = crashLeaderOf("faulty-0");

async function crashCoordinator({ ask, show }) {
  const coordinator = await show(`coordinator(${GROUP})`);
  await ask(`crash broker ${coordinator}`);
  const others = [1, 2, 3].filter((id) => id !== coordinator).map((id) => `coordinator(${GROUP}) = ${id}`);
  await ask(`run until ${others.join(" or ")} within 30s`);
  await ask(`start broker ${coordinator}`);
}

async function pauseCoordinator({ ask, show }) {
  const coordinator = await show(`coordinator(${GROUP})`);
  await ask(`pause broker ${coordinator}`);
  await sleep(1_000);
  await ask(`resume broker ${coordinator}`);
}

/** For two seconds nothing passes between a broker and its clients. */
const cutOff =
  (expression) =>
  async ({ ask, show }) => {
    const broker = await show(expression);
    await ask(`cut outside broker ${broker}`);
    await sleep(2_000);
    await ask(`heal outside broker ${broker}`);
  };

async function resetTwo({ ask, show }) {
  const coordinator = await show(`coordinator(${GROUP})`);
  for (let n = 0; n < 6; n += 1) {
    await ask(`reset outside broker ${n % 2 ? (coordinator % 3) + 1 : coordinator}`);
    await sleep(300);
  }
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

async function reset({ ask }) {
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
  idempotence: through(crashLeader, true),
  "leader-crash": through(crashLeader),
  "leader-stop": through(stopLeader),
  "leader-pause": through(pauseLeader),
  "leader-cut": through(cutOff("leader(faulty-0)")),
  reset: through(reset),
  group,
  rebalance,
  "group-leader-crash": readThrough(crashLeaderOf("ready-0")),
  "group-coordinator-crash": readThrough(crashCoordinator),
  "group-pause": readThrough(pauseCoordinator),
  "group-cut": readThrough(cutOff(`coordinator(${GROUP})`)),
  "group-reset": readThrough(resetTwo),
  admin: administration,
};
await scenarios[process.argv[2]]();
// After connections broke under it, a consumer that has disconnected may leave one of its sockets open, for which node
// would wait.
process.exit(0);
