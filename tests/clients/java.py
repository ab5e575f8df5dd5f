"""Kafka's own command-line tools and clients, as they come from Maven Central; the jars lie in KAFKA_JARS."""

import contextlib
import functools
import json
import os
import subprocess
import threading
import time

from common import BOOTSTRAP, FAULTS, GROUP, Control, each_once, groups, main, nothing_is_lost, record, same, wait

TIMEOUT = 100
JARS = os.environ["KAFKA_JARS"]
TOOLS = "org.apache.kafka.tools"
QUICK = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"]


def command(name, *arguments):
    return ["java", *QUICK, "-cp", f"{JARS}/*", name, "--bootstrap-server", BOOTSTRAP, *arguments]


def tool(name, *arguments, given=b"", status=0):
    """Runs a tool to its end: what it printed."""
    run = subprocess.run(command(name, *arguments), input=given, capture_output=True, timeout=TIMEOUT)
    said = f"{name} {' '.join(arguments)}: status {run.returncode}: {run.stdout.decode()}{run.stderr.decode()}"
    assert run.returncode == status, said
    return run.stdout.decode()


def topics(*arguments, **options):
    return tool(f"{TOOLS}.TopicCommand", *arguments, **options)


def produce(topic, *arguments, given):
    tool(f"{TOOLS}.ConsoleProducer", "--topic", topic, "--request-required-acks", "all", *arguments, given=given)


def count(topic):
    """How many records each partition of a topic has."""
    lines = tool(f"{TOOLS}.GetOffsetShell", "--topic", topic).splitlines()
    return {int(line.split(":")[1]): int(line.split(":")[2]) for line in lines}


def consume(topic, *formatter):
    """Every record of a topic, partition by partition, without a group."""
    found = []
    for partition, records in count(topic).items():
        if records:
            which = ["--topic", topic, "--partition", str(partition), "--offset", "earliest"]
            limit = ["--max-messages", str(records), "--timeout-ms", "60000"]
            found += tool(f"{TOOLS}.consumer.ConsoleConsumer", *which, *limit, *formatter).splitlines()
    return found


def metadata():
    described = topics("--describe", "--topic", "ready").splitlines()
    partitions = [dict(field.split(": ") for field in line.strip().split("\t") if ": " in field) for line in described]
    assert len(partitions) == 4, described
    for partition in partitions[1:]:
        assert sorted(partition["Replicas"].split(",")) == ["1", "2", "3"], partition
        assert partition["Leader"] in partition["Isr"].split(","), partition
    versions = tool(f"{TOOLS}.BrokerApiVersionsCommand")
    for address in BOOTSTRAP.split(","):
        assert f"{address} (id: " in versions, versions
    assert "LeaderId" in tool(f"{TOOLS}.MetadataQuorumCommand", "describe", "--status")
    replicas = tool(f"{TOOLS}.MetadataQuorumCommand", "describe", "--replication").splitlines()[1:]
    assert sorted(line.split()[-1] for line in replicas) == ["Follower"] * 2 + ["Leader"] + ["Observer"] * 3, replicas


def create_topics():
    made = ["--create", "--topic", "made", "--partitions", "4", "--replication-factor", "3"]
    assert "Created topic made." in topics(*made, "--config", "retention.ms=3600000")
    assert "made" in topics("--list").split()
    assert "already exists" in topics(*made, status=1)


def auto_create():
    produce("by-writing", given=b"v\n")
    same(consume("by-writing"), ["v"])


def produce_fetch():
    # The tool splits a line into headers, key and value; null stands for none.
    lines, expected = [], []
    for key, value, headers in (record(n) for n in range(300)):
        headers = [(name, text) for name, text in headers if text is not None]
        shown = [",".join(f"{name}:{text.decode()}" for name, text in headers) or "NULL"]
        shown += [field.decode() if field else "NULL" for field in (key, value)]
        lines.append("\t".join(shown))
        expected.append("\t".join(["NO_HEADERS", *shown[1:]] if shown[0] == "NULL" else shown).replace("NULL", "null"))
    parse = [f"parse.{what}=true" for what in ("key", "headers")] + ["null.marker=NULL"]
    reader = [word for one in parse for word in ("--property", one)]
    produce("ready", *reader, given="".join(f"{line}\n" for line in lines).encode())
    shown = [f"print.{what}=true" for what in ("key", "headers", "value")]
    same(sorted(consume("ready", *(word for one in shown for word in ("--property", one)))), sorted(expected))


def perf(topic, records, size, *configs, sent=None):
    """Writes records, of which so many are taken; all, unless it is said."""
    arguments = ["--topic", topic, "--num-records", str(records), "--record-size", str(size), "--throughput", "-1"]
    name = f"{TOOLS}.ProducerPerformance"
    props = ["--producer-props", f"bootstrap.servers={BOOTSTRAP}", *configs]
    run = ["java", *QUICK, "-cp", f"{JARS}/*", name, *arguments, *props]
    done = subprocess.run(run, capture_output=True, timeout=TIMEOUT)
    sent = records if sent is None else sent
    assert done.returncode == 0 and done.stdout.decode().startswith(f"{sent} records sent"), done
    return done.stderr.decode() + done.stdout.decode()


def acks():
    for level in ["0", "1", "all"]:
        perf("ready", 1000, 100, f"acks={level}", f"enable.idempotence={str(level == 'all').lower()}")
    deadline = time.monotonic() + TIMEOUT
    while sum(count("ready").values()) < 3000:
        assert time.monotonic() < deadline, "not all records arrived"


def list_offsets():
    before = int(time.time() * 1000)
    produce("faulty", given=b"first\nsecond\n")
    offset = lambda moment: tool(f"{TOOLS}.GetOffsetShell", "--topic", "faulty", "--time", str(moment)).strip()
    same([offset(moment) for moment in (-2, -1, before - 1_000)], ["faulty:0:0", "faulty:0:2", "faulty:0:0"])


def compression():
    for codec in ["gzip", "snappy", "lz4", "zstd"]:
        expected = [f"{codec} {n} {'x' * 100}" for n in range(100)]
        produce("faulty", "--compression-codec", codec, given="".join(f"{line}\n" for line in expected).encode())
        same([line for line in consume("faulty") if line.startswith(codec)], expected)


def large():
    perf("faulty", 20, 900_000, "acks=all")
    assert count("faulty") == {0: 20}
    too_large = perf("faulty", 1, 1_500_000, "acks=all", "max.request.size=2000000", sent=0)
    assert "RecordTooLargeException" in too_large, too_large
    assert count("faulty") == {0: 20}


@contextlib.contextmanager
def writing(topic, is_idempotent=False):
    """Writes on, one number after the other; what got an acknowledgement."""
    configs = f"enable.idempotence={str(is_idempotent).lower()}\nretries=1000\n"
    file = f"{os.environ.get('TMPDIR', '/tmp')}/terrarium-java-{os.getpid()}.properties"
    with open(file, "w") as properties:
        properties.write(configs)
    arguments = ["--topic", topic, "--throughput", "500", "--producer.config", file]
    writer = subprocess.Popen(command(f"{TOOLS}.VerifiableProducer", *arguments), stdout=subprocess.PIPE)
    acknowledged, failed, begun = [], [], threading.Event()

    def listen():
        for line in writer.stdout:
            event = json.loads(line)
            if event["name"] == "producer_send_error":
                failed.append(event)
            if event["name"] == "producer_send_success":
                acknowledged.append(event["value"].encode())
                begun.set()

    listener = threading.Thread(target=listen)
    listener.start()
    try:
        assert begun.wait(TIMEOUT), "nothing was acknowledged"
        yield acknowledged
    finally:
        # It sends what it holds, and ends.
        writer.terminate()
        writer.wait(TIMEOUT)
        listener.join()
        os.unlink(file)
    assert not failed, failed[0]


def through(fault, is_idempotent=False, seconds=3):
    """Writes on while a fault happens: what was acknowledged is there in the end, of an idempotent producer once."""
    with writing("faulty", is_idempotent) as acknowledged:
        FAULTS[fault](Control())
        time.sleep(seconds)
    check = each_once if is_idempotent else nothing_is_lost
    check(acknowledged, [value.encode() for value in consume("faulty")])


class Member:
    """Kafka's VerifiableConsumer in the group: it says what it reads and which partitions it has, and commits."""

    def __init__(self):
        arguments = ["--topic", "ready", "--group-id", GROUP, "--verbose", "--reset-policy", "earliest"]
        self.process = subprocess.Popen(command(f"{TOOLS}.VerifiableConsumer", *arguments), stdout=subprocess.PIPE)
        self.values, self.partitions, self.error = [], set(), None
        self.thread = threading.Thread(target=self.listen, daemon=True)
        self.thread.start()

    def listen(self):
        for line in self.process.stdout:
            event = json.loads(line)
            numbers = {partition["partition"] for partition in event.get("partitions", []) if "partition" in partition}
            match event["name"]:
                case "record_data":
                    self.values.append(event["value"].encode())
                case "partitions_assigned":
                    self.partitions = self.partitions | numbers
                case "partitions_revoked":
                    self.partitions = self.partitions - numbers

    def end(self):
        self.process.terminate()
        self.process.wait(TIMEOUT)
        self.thread.join()


def send_values(topic, values):
    produce(topic, given=b"".join(value + b"\n" for value in values))


def consumer_groups(*arguments):
    return tool(f"{TOOLS}.consumer.group.ConsumerGroupCommand", *arguments)


def elections():
    """A leader stops and comes back, and is elected again."""
    control = Control()
    preferred = control.show("leader(faulty-0)")
    FAULTS["leader-stop"](control)
    control.ask(f"run until state(broker {preferred}) = closed within 30s")
    control.ask(f"start broker {preferred}")
    control.ask("run until isr(faulty-0) = {1,2,3} within 30s")
    elect = ["--election-type", "preferred", "--topic", "faulty", "--partition", "0"]
    elected = tool(f"{TOOLS}.LeaderElectionCommand", *elect)
    assert "Successfully completed leader election (PREFERRED) for partitions faulty-0" in elected, elected
    assert control.show("leader(faulty-0)") == preferred
    again = tool(f"{TOOLS}.LeaderElectionCommand", *elect)
    assert "Valid replica already elected for partitions faulty-0" in again, again


def administration():
    elections()
    send_values("ready", [b"1", b"2"])
    member = Member()
    wait(lambda: len(member.values) == 2, "not all that was sent is read")
    assert "Stable" in consumer_groups("--describe", "--group", GROUP, "--state")
    member.end()
    same(consumer_groups("--list").split(), [GROUP])
    described = consumer_groups("--describe", "--group", GROUP).splitlines()
    rows = [line.split() for line in described if line.startswith(f"{GROUP} ")]
    assert sum(int(row[3]) for row in rows) == 2 and all(row[5] == "0" for row in rows), described
    reset = ["--reset-offsets", "--to-earliest", "--topic", "ready", "--group", GROUP, "--execute"]
    assert all(line.split()[3] == "0" for line in consumer_groups(*reset).splitlines() if line.startswith(f"{GROUP} "))
    assert "Deletion of requested consumer groups" in consumer_groups("--delete", "--group", GROUP)
    same(consumer_groups("--list").split(), [])
    entity = ["--entity-type", "topics", "--entity-name", "ready"]
    tool("kafka.admin.ConfigCommand", *entity, "--alter", "--add-config", "retention.ms=60000")
    assert "retention.ms=60000" in tool("kafka.admin.ConfigCommand", *entity, "--describe")
    topics("--alter", "--topic", "ready", "--partitions", "5")
    wait(lambda: "PartitionCount: 5" in topics("--describe", "--topic", "ready"), "the partitions are not there")
    topics("--delete", "--topic", "ready")
    wait(lambda: "ready" not in topics("--list").split(), "the topic is still there")


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
        **groups(Member, send_values, writing),
        "admin": administration,
    }
)
