"""Stories of a real cluster, played through the gateway by Kafka's own clients, as they come from Maven Central.

`stories.py NAME` plays one: clients start, read and write, die and close at the moments of the recording
(tests/stories/NAME.txt). The jars lie in KAFKA_JARS, the cluster is at BOOTSTRAP, the gateway's control port at CONTROL.
When the acts of the story begin is printed, a line of JSON each, in the world's seconds.
"""

import json
import os
import signal
import subprocess
import sys
import time

from common import BOOTSTRAP, Control, wait

TOOLS = "org.apache.kafka.tools"
QUICK = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"]
control = Control()
clients = []


def mark(what):
    print(json.dumps({"t": control.ask("show time()")["t"], "what": what}), flush=True)


def start(name, tool, *arguments):
    command = ["java", *QUICK, "-cp", f"{os.environ['KAFKA_JARS']}/*", f"{TOOLS}.{tool}"]
    log = open(f"{name}.log", "wb")
    command += ["--bootstrap-server", BOOTSTRAP, *arguments]
    client = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT)
    clients.append(client)
    return client


def named(name, configs):
    """The configs of a client, as Kafka has them."""
    return {"client.id": name, **{key.replace("_", "."): value for key, value in configs.items()}}


def producer(name, topic, rate, *arguments, **configs):
    """Writes to a topic. The tool switches retries off where nobody asks for them."""
    configs = {"retries": 2147483647, "enable.idempotence": "true", **named(name, configs)}
    with open(f"{name}.properties", "w") as properties:
        properties.writelines(f"{key}={value}\n" for key, value in configs.items())
    acks = ["--acks", str(configs.get("acks", -1))]
    to = ["--topic", topic, "--throughput", str(rate), "--producer.config", f"{name}.properties"]
    return start(name, "VerifiableProducer", *to, *acks, *arguments)


def consumer(name, topic, *arguments, **configs):
    configs = named(name, configs)
    properties = [word for key, value in configs.items() for word in ("--consumer-property", f"{key}={value}")]
    return start(name, "consumer.ConsoleConsumer", "--topic", topic, *arguments, *properties)


def reader(name, topic):
    """Reads a topic's only partition, without a group."""
    return consumer(name, topic, "--partition", "0", "--offset", "earliest")


def member(name, group, **configs):
    return consumer(name, "t", "--group", group, "--from-beginning", **configs)


def kill(client):
    client.send_signal(signal.SIGKILL)
    client.wait()


def close(client):
    client.terminate()
    client.wait(60)


def is_stable(group, generation, members):
    try:
        shown = [control.show(f"{what}({group})") for what in ("state", "generation", "members")]
    except AssertionError:
        return False  # There is no such group yet.
    return shown[:2] == ["Stable", generation] and len(shown[2]) == members


def until_stable(group, generation, members):
    wait(lambda: is_stable(group, generation, members), f"{members} members in generation {generation}")


def has_read(name):
    """That a client has printed a record; the producer's first lines are of other things."""
    wait(lambda: os.path.getsize(f"{name}.log") > 0, f"a record at {name}")


def first_record():
    time.sleep(1)
    mark("console producer starts")
    writer = start("console-producer", "ConsoleProducer", "--topic", "first")
    writer.communicate(b"hello\n", 60)
    time.sleep(1)
    mark("console consumer (classic group) starts")
    reads = ["--topic", "first", "--group", "g1", "--from-beginning", "--max-messages", "1"]
    assert start("console-consumer", "consumer.ConsoleConsumer", *reads).wait(60) == 0
    time.sleep(1)


def leader_crash():
    writer, reads = producer("prod", "t", 20), reader("cons", "t")
    has_read("cons")
    time.sleep(4)
    mark("SIGKILL 1")
    control.ask("crash broker 1")
    time.sleep(13)
    mark("start 1")
    control.ask("start broker 1")
    time.sleep(18)
    close(writer)
    time.sleep(1)
    close(reads)


def leader_pause():
    writers = [
        producer("acks1", "one", 5, acks=1, enable_idempotence="false"),
        producer("acksall", "all", 5),
        producer("quick", "quick", 5, request_timeout_ms=5000, delivery_timeout_ms=60000),
    ]
    reads = reader("cons", "one")
    has_read("cons")
    time.sleep(4)
    mark("SIGSTOP 1")
    control.ask("pause broker 1")
    time.sleep(20)
    mark("SIGCONT 1")
    control.ask("resume broker 1")
    time.sleep(12)
    for client in [*writers, reads]:
        close(client)


def play(acts):
    """Acts of a story: each has a name, is done by a command, and lasts so many seconds."""
    for act, command, seconds in acts:
        mark(act)
        control.ask(command)
        time.sleep(seconds)


def isr_shrink():
    writers = [
        producer("all", "t", 5, request_timeout_ms=10000, delivery_timeout_ms=20000),
        producer("one", "t", 2, acks=1, enable_idempotence="false"),
    ]
    reads = reader("cons", "t")
    has_read("cons")
    time.sleep(4)
    play([
        ("SIGSTOP 2", "pause broker 2", 13),
        ("SIGSTOP 3", "pause broker 3", 16),
        ("SIGCONT 2", "resume broker 2", 8),
        ("SIGCONT 3", "resume broker 3", 6),
    ])
    for client in [*writers, reads]:
        close(client)


def cut_broker_from_controllers():
    writers = [
        producer("all", "t", 5, request_timeout_ms=8000, delivery_timeout_ms=60000),
        producer("one", "t", 5, acks=1, enable_idempotence="false"),
        producer("m2", "m2", 5),
    ]
    reads = reader("cons", "t")
    has_read("cons")
    time.sleep(4)
    mark("cut 1-101")
    for controller in [101, 102, 103]:
        control.ask(f"cut broker 1 controller {controller}")
    time.sleep(25)  # As long as a leader's session and two requests of eight seconds.
    mark("heal")
    control.ask("heal")
    time.sleep(14)
    for client in [*writers, reads]:
        close(client)


def cut_follower_from_leader():
    writer, reads = producer("prod", "t", 5), reader("cons", "t")
    has_read("cons")
    time.sleep(4)
    play([
        ("cut 2-1", "cut broker 2 broker 1", 22),
        ("heal", "heal", 8),
        ("one way now", "cut broker 1 broker 2 --one-way", 20),
        ("heal", "heal", 8),
    ])
    close(writer)
    close(reads)


def group(assignor, generations, rests):
    """Two members, then a third and a fourth; one dies, one leaves. The generations that each leads to, and how long it
    is calm after the first three."""
    strategy = f"org.apache.kafka.clients.consumer.{assignor}"
    configs = {"partition_assignment_strategy": strategy, "session_timeout_ms": 6000, "heartbeat_interval_ms": 2000}
    writer = producer("prod", "t", 6, "--repeating-keys", "9")
    c1, c2 = member("c1", "g", **configs), member("c2", "g", **configs)
    until_stable("g", 1, 2)
    time.sleep(5)
    mark("c3 starts")
    c3 = member("c3", "g", **configs)
    until_stable("g", generations[0], 3)
    time.sleep(rests[0])
    mark("c4 starts")
    c4 = member("c4", "g", **configs)
    until_stable("g", generations[1], 4)
    time.sleep(rests[1])
    mark("SIGKILL c2 (a consumer)")
    kill(c2)
    until_stable("g", generations[2], 3)
    time.sleep(rests[2])
    mark("c3 closes")
    close(c3)
    until_stable("g", generations[3], 2)
    time.sleep(4)
    for client in [writer, c1, c4]:
        close(client)


def group_classic_eager():
    group("RangeAssignor", [2, 3, 4, 5], [6, 6, 6])


def group_cooperative():
    group("CooperativeStickyAssignor", [3, 4, 5, 6], [4, 6, 4])


def static_member():
    def static(name, n):
        return member(name, "g", group_instance_id=f"i{n}", session_timeout_ms=10000, heartbeat_interval_ms=2000)

    writer = producer("prod", "t", 4, "--repeating-keys", "6")
    c1, _ = static("c1", 1), static("c2", 2)
    until_stable("g", 1, 2)
    time.sleep(6)
    mark("c1 closes (SIGTERM)")
    close(c1)
    time.sleep(2)
    mark("c1 starts again within the session timeout")
    c1b = static("c1b", 1)
    time.sleep(8)
    mark("a second consumer with instance i2 starts (c2b)")
    c2b = static("c2b", 2)
    time.sleep(8)
    mark("c1b SIGKILL, not replaced")
    kill(c1b)
    time.sleep(16)
    close(c2b)
    close(writer)


def coordinator_crash():
    writer = producer("prod", "t", 10, "--repeating-keys", "4")
    c1, c2 = member("c1", "g1"), member("c2", "g1")
    until_stable("g1", 1, 2)
    time.sleep(7)
    mark("SIGKILL 1")
    control.ask("crash broker 1")
    time.sleep(16)
    mark("start 1")
    control.ask("start broker 1")
    time.sleep(8)
    for client in [c1, c2, writer]:
        close(client)


STORIES = [
    first_record,
    leader_crash,
    leader_pause,
    isr_shrink,
    cut_broker_from_controllers,
    cut_follower_from_leader,
    group_classic_eager,
    group_cooperative,
    coordinator_crash,
    static_member,
]

if __name__ == "__main__":
    try:
        next(story for story in STORIES if story.__name__ == sys.argv[1].replace("-", "_"))()
    finally:
        for client in clients:
            client.kill()
