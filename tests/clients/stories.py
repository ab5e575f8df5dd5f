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


def producer(rate, *arguments):
    """Writes to the topic `t` as `prod`. The tool switches retries off where nobody asks for them."""
    with open("prod.properties", "w") as properties:
        properties.write("client.id=prod\nacks=all\nenable.idempotence=true\nretries=2147483647\n")
    arguments = ["--topic", "t", "--throughput", str(rate), "--producer.config", "prod.properties", *arguments]
    return start("prod", "VerifiableProducer", *arguments)


def consumer(name, *arguments, **configs):
    configs = {"client.id": name, **{key.replace("_", "."): value for key, value in configs.items()}}
    properties = [word for key, value in configs.items() for word in ("--consumer-property", f"{key}={value}")]
    return start(name, "consumer.ConsoleConsumer", "--topic", "t", *arguments, *properties)


def member(name, group, **configs):
    return consumer(name, "--group", group, "--from-beginning", **configs)


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


def reading_and_writing():
    writer, reader = producer(20), consumer("cons", "--partition", "0", "--offset", "earliest")
    has_read("cons")
    time.sleep(4)
    return writer, reader


def leader_crash():
    writer, reader = reading_and_writing()
    mark("SIGKILL 1")
    control.ask("crash broker 1")
    time.sleep(13)
    mark("start 1")
    control.ask("start broker 1")
    time.sleep(18)
    close(writer)
    time.sleep(1)
    close(reader)


def group_classic_eager():
    strategy = "org.apache.kafka.clients.consumer.RangeAssignor"
    eager = {"partition_assignment_strategy": strategy, "session_timeout_ms": 6000, "heartbeat_interval_ms": 2000}
    writer = producer(6, "--repeating-keys", "9")
    c1, c2 = member("c1", "g", **eager), member("c2", "g", **eager)
    until_stable("g", 1, 2)
    time.sleep(5)
    mark("c3 starts")
    c3 = member("c3", "g", **eager)
    until_stable("g", 2, 3)
    time.sleep(6)
    mark("c4 starts")
    c4 = member("c4", "g", **eager)
    until_stable("g", 3, 4)
    time.sleep(6)
    mark("SIGKILL c2 (a consumer)")
    kill(c2)
    until_stable("g", 4, 3)
    time.sleep(6)
    mark("c3 closes")
    close(c3)
    until_stable("g", 5, 2)
    time.sleep(4)
    for client in [writer, c1, c4]:
        close(client)


def coordinator_crash():
    writer = producer(10, "--repeating-keys", "4")
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


STORIES = [first_record, leader_crash, group_classic_eager, coordinator_crash]

if __name__ == "__main__":
    try:
        next(story for story in STORIES if story.__name__ == sys.argv[1].replace("-", "_"))()
    finally:
        for client in clients:
            client.kill()
