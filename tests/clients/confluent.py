"""confluent-kafka-python, the Python binding of librdkafka."""

import contextlib
import functools
import threading
import time

from common import BOOTSTRAP, FAULTS, GROUP, Control, Reader, each_once, groups, main, nothing_is_lost, record, same, wait
from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaException,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
)

TIMEOUT = 60


@functools.cache
def admin():
    """One for all calls: what one asks for fails when it is dropped."""
    return AdminClient({"bootstrap.servers": BOOTSTRAP})


def create(topic, partitions=3, replicas=3, **config):
    new = NewTopic(topic, partitions, replicas, config={key.replace("_", "."): value for key, value in config.items()})
    admin().create_topics([new])[topic].result(TIMEOUT)


def producer(**config):
    return Producer({"bootstrap.servers": BOOTSTRAP, "acks": "all", "linger.ms": 5, **dotted(config)})


def consumer(**config):
    ours = {"group.id": "confluent", "auto.offset.reset": "earliest", "enable.auto.commit": False}
    return Consumer({"bootstrap.servers": BOOTSTRAP, "fetch.wait.max.ms": 50, **ours, **dotted(config)})


def dotted(config):
    return {key.replace("_", "."): value for key, value in config.items()}


def send(topic, records, **config):
    """Sends records, and waits for every acknowledgement: the values that got one."""
    ours, acknowledged = producer(**config), []

    def delivered(error, message):
        if error is None:
            acknowledged.append(message.value())

    for key, value, headers in records:
        ours.produce(topic, value, key, headers=headers, on_delivery=delivered)
        ours.poll(0)
    assert ours.flush(TIMEOUT) == 0, "some records have no answer"
    return acknowledged


def read(topic, count, partitions=3, **config):
    """Reads so many records of a topic from its beginning, without a group."""
    ours, found = consumer(**config), []
    ours.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in range(partitions)])
    deadline = time.monotonic() + TIMEOUT
    while len(found) < count:
        assert time.monotonic() < deadline, f"{len(found)} of {count} records after {TIMEOUT} s"
        for message in ours.consume(1000, 0.2):
            assert message.error() is None, message.error()
            found.append(message)
    ours.close()
    return found


def read_all(topic, partitions=3):
    """Reads a topic up to its end."""
    ends = admin().list_offsets({TopicPartition(topic, p): OffsetSpec.latest() for p in range(partitions)})
    return read(topic, sum(end.result(TIMEOUT).offset for end in ends.values()), partitions)


def metadata():
    found = admin().list_topics(timeout=TIMEOUT)
    addresses = sorted(f"{broker.host}:{broker.port}" for broker in found.brokers.values())
    same(addresses, sorted(BOOTSTRAP.split(",")))
    topic = found.topics["ready"]
    assert len(topic.partitions) == 3
    for partition in topic.partitions.values():
        assert partition.leader in partition.isrs and sorted(partition.replicas) == sorted(found.brokers)


def create_topics():
    create("made", partitions=4, replicas=3, retention_ms="3600000")
    assert len(admin().list_topics("made", timeout=TIMEOUT).topics["made"].partitions) == 4
    try:
        create("made")
    except KafkaException as refusal:
        assert refusal.args[0].name() == "TOPIC_ALREADY_EXISTS", refusal
    else:
        raise AssertionError("a topic was created twice")


def auto_create():
    assert send("by-writing", [(b"k", b"v", [])], allow_auto_create_topics=True) == [b"v"]
    assert [message.value() for message in read("by-writing", 1, partitions=1)] == [b"v"]


def produce_fetch():
    records = [record(n) for n in range(300)]
    assert len(send("ready", records)) == 300
    found = [(m.key(), m.value(), m.headers() or []) for m in read("ready", 300)]
    same(sorted(found, key=repr), sorted(records, key=repr))
    for key in {key for key, _, _ in records if key}:
        same([m[1:] for m in found if m[0] == key], [r[1:] for r in records if r[0] == key])


def acks():
    for level in ["0", "1", "all"]:
        assert len(send("ready", [(None, f"acks {level}".encode(), [])] * 10, acks=level)) == 10
    assert len(read("ready", 30)) == 30


def list_offsets():
    ours = producer()
    for n in range(10):
        ours.produce("ready", f"{n}", partition=1, timestamp=1_700_000_000_000 + 1_000 * n)
        ours.flush(TIMEOUT)
    asked = {"earliest": OffsetSpec.earliest(), "latest": OffsetSpec.latest()}
    asked.update({n: OffsetSpec.for_timestamp(1_700_000_000_000 + 1_000 * n - 500) for n in (0, 4, 9)})
    for name, spec in asked.items():
        answer = admin().list_offsets({TopicPartition("ready", 1): spec})
        offset = next(iter(answer.values())).result(TIMEOUT).offset
        assert offset == {"earliest": 0, "latest": 10}.get(name, name), f"{name}: {offset}"
    assert consumer().get_watermark_offsets(TopicPartition("ready", 1), TIMEOUT) == (0, 10)


def compression():
    for codec in ["gzip", "snappy", "lz4", "zstd"]:
        records = [(b"k", f"{codec} {n} {'x' * 100}".encode(), []) for n in range(100)]
        assert len(send("ready", records, compression_type=codec)) == 100
    found = [message.value() for message in read("ready", 400)]
    for codec in ["gzip", "snappy", "lz4", "zstd"]:
        same([v for v in found if v.startswith(codec.encode())], [f"{codec} {n} {'x' * 100}".encode() for n in range(100)])


def large():
    value = bytes(900_000)
    assert len(send("ready", [(None, value, [])] * 20)) == 20
    assert all(message.value() == value for message in read("ready", 20))
    assert send("ready", [(None, bytes(1_500_000), [])], message_max_bytes=2_000_000) == [], "a record that is too large"


@contextlib.contextmanager
def writing(topic, **config):
    """Writes on, one number after the other; what got an acknowledgement."""
    ours = producer(message_timeout_ms=50_000, retries=1000, **config)
    acknowledged, failed, over = [], [], threading.Event()

    def delivered(error, message):
        if error is None:
            acknowledged.append(message.value())
        else:
            failed.append(error)

    def write():
        n = 0
        while not over.is_set():
            ours.produce(topic, f"{n}".encode(), on_delivery=delivered)
            ours.poll(0.002)
            n += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield acknowledged
    finally:
        over.set()
        writer.join()
    assert ours.flush(TIMEOUT) == 0, "some records have no answer"
    assert not failed, failed[0]


def through(fault, is_idempotent=False, seconds=1.5):
    """Writes on while a fault happens: what was acknowledged is there in the end, of an idempotent producer once."""
    with writing("faulty", enable_idempotence=is_idempotent) as acknowledged:
        time.sleep(seconds / 3)
        FAULTS[fault](Control())
        time.sleep(seconds)
    check = each_once if is_idempotent else nothing_is_lost
    check(acknowledged, [message.value() for message in read_all("faulty", 1)])


class Member:
    """A consumer in the group, which commits by itself what was read."""

    def __init__(self):
        self.consumer = consumer(group_id=GROUP)
        self.consumer.subscribe(["ready"])

    def poll(self):
        # What is no message is the client's word on a broker that is away, which it deals with.
        return [message.value() for message in self.consumer.consume(1000, 0.1) if message.error() is None]

    def partitions(self):
        return {partition.partition for partition in self.consumer.assignment()}

    def commit(self):
        # One that does not succeed, while its coordinator is away or its partitions move, is made good by the next.
        with contextlib.suppress(KafkaException):
            self.consumer.commit(asynchronous=False)

    def close(self):
        self.commit()
        self.consumer.close()


def send_values(topic, values):
    assert len(send(topic, [(None, value, []) for value in values])) == len(values)


def administration():
    send_values("ready", [b"1", b"2"])
    member = Reader(Member)
    wait(lambda: len(member.values) == 2 or member.error, "not all that was sent is read")
    described = admin().describe_consumer_groups([GROUP])[GROUP].result(TIMEOUT)
    assert described.state.name == "STABLE" and len(described.members) == 1, described.state
    member.end()
    assert [found.group_id for found in admin().list_consumer_groups().result(TIMEOUT).valid] == [GROUP]
    (offsets,) = admin().list_consumer_group_offsets([ConsumerGroupTopicPartitions(GROUP)]).values()
    assert sum(one.offset for one in offsets.result(TIMEOUT).topic_partitions) == 2
    admin().delete_consumer_groups([GROUP])[GROUP].result(TIMEOUT)
    assert not admin().list_consumer_groups().result(TIMEOUT).valid
    changed = ConfigResource(ConfigResource.Type.TOPIC, "ready")
    entry = ConfigEntry("retention.ms", "60000", incremental_operation=AlterConfigOpType.SET)
    changed.add_incremental_config(entry)
    admin().incremental_alter_configs([changed])[changed].result(TIMEOUT)
    asked = ConfigResource(ConfigResource.Type.TOPIC, "ready")
    is_changed = lambda: admin().describe_configs([asked])[asked].result(TIMEOUT)["retention.ms"].value == "60000"
    wait(is_changed, "the config is not changed")
    admin().create_partitions([NewPartitions("ready", 5)])["ready"].result(TIMEOUT)
    partitions = lambda: len(admin().list_topics("ready", timeout=TIMEOUT).topics["ready"].partitions)
    wait(lambda: partitions() == 5, "the partitions are not there")
    admin().delete_topics(["ready"])["ready"].result(TIMEOUT)
    wait(lambda: "ready" not in admin().list_topics(timeout=TIMEOUT).topics, "the topic is still there")


main(
    {
        "metadata": metadata,
        "create-topics": create_topics,
        "auto-create": auto_create,
        "produce-fetch": produce_fetch,
        "acks": acks,
        "list-offsets": list_offsets,
        "compression": compression,
        "large": large,
        "idempotence": lambda: through("leader-crash", is_idempotent=True),
        **{fault: functools.partial(through, fault) for fault in FAULTS},
        **groups(lambda: Reader(Member), send_values, writing),
        "admin": administration,
    }
)
