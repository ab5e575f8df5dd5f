"""Kafka's own command-line tools and clients, as they come from Maven Central; the jars lie in KAFKA_JARS."""

import functools
import json
import os
import subprocess
import threading
import time

from common import (
    BOOTSTRAP,
    FAULTS,
    Control,
    coordinator_crash,
    each_once,
    group,
    main,
    nothing_is_lost,
    record,
    same,
)

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


class Member:
    """A member of a group: a console consumer. It commits what it has read every half second, and when it is stopped."""

    def __init__(self):
        group = ["--topic", "ready", "--group", "readers", "--from-beginning"]
        commit = ["--consumer-property", "auto.commit.interval.ms=500"]
        name = f"{TOOLS}.consumer.ConsoleConsumer"
        self.process = subprocess.Popen(command(name, *group, *commit), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.found = []
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        for line in self.process.stdout:
            self.found.append(line.decode().strip())

    def leave(self):
        self.process.terminate()
        self.thread.join(TIMEOUT)
        self.process.wait(TIMEOUT)


def write(texts):
    keyed = ["--property", "parse.key=true", "--property", "key.separator=:"]
    produce("ready", *keyed, given="".join(f"{text}:{text}\n" for text in texts).encode())


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


def perf(topic, records, size, *configs):
    arguments = ["--topic", topic, "--num-records", str(records), "--record-size", str(size), "--throughput", "-1"]
    name = f"{TOOLS}.ProducerPerformance"
    props = ["--producer-props", f"bootstrap.servers={BOOTSTRAP}", *configs]
    run = ["java", *QUICK, "-cp", f"{JARS}/*", name, *arguments, *props]
    done = subprocess.run(run, capture_output=True, timeout=TIMEOUT)
    assert done.returncode == 0 and f"{records} records sent" in done.stdout.decode(), done
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
    too_large = perf("faulty", 1, 1_500_000, "acks=all", "max.request.size=2000000")
    assert "RecordTooLargeException" in too_large, too_large
    assert count("faulty") == {0: 20}


def through(fault, is_idempotent=False, seconds=3):
    """Writes on while a fault happens: what was acknowledged is there in the end, of an idempotent producer once."""
    configs = f"enable.idempotence={str(is_idempotent).lower()}\nretries=1000\n"
    file = f"{os.environ.get('TMPDIR', '/tmp')}/terrarium-java-{os.getpid()}.properties"
    with open(file, "w") as properties:
        properties.write(configs)
    arguments = ["--topic", "faulty", "--throughput", "500", "--producer.config", file]
    writer = subprocess.Popen(command(f"{TOOLS}.VerifiableProducer", *arguments), stdout=subprocess.PIPE)
    acknowledged, begun = [], threading.Event()

    def listen():
        for line in writer.stdout:
            event = json.loads(line)
            assert event["name"] != "producer_send_error", event
            if event["name"] == "producer_send_success":
                acknowledged.append(event["value"])
                begun.set()

    listener = threading.Thread(target=listen)
    listener.start()
    assert begun.wait(TIMEOUT), "nothing was acknowledged"
    FAULTS[fault](Control())
    time.sleep(seconds)
    # It sends what it holds, and ends.
    writer.terminate()
    writer.wait(TIMEOUT)
    listener.join()
    os.unlink(file)
    check = each_once if is_idempotent else nothing_is_lost
    check(acknowledged, consume("faulty"))


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
        "group": lambda: group(Member, write),
        "coordinator-crash": lambda: coordinator_crash(Member, write),
        "idempotence": lambda: through("leader-crash", is_idempotent=True),
        **{fault: functools.partial(through, fault) for fault in FAULTS},
    }
)
