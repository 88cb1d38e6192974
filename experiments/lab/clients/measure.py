"""Measures what real client libraries do while a primary is killed, hangs, or loses its host.

    python3 measure.py --libraries DIRECTORY --runs 10 --out measured.csv

One run is one Redis Cluster, one primary with Sentinels, or one primary behind a name; all libraries
use it at the same time, each in a process of its own, and see the same fault. See README.md.
"""

import argparse
import collections
import concurrent.futures
import csv
import json
import os
import queue
import random
import re
import signal
import subprocess
import sys
import threading
import time

from redis_lab import SENTINEL_PORT, TAG, Connection, Lab, Poller, ask

HERE = os.path.dirname(os.path.abspath(__file__))

# Per library: its folder in DIRECTORY, the variable that points to it, and the command.
LIBRARIES = {
    "redis-py-5": ("redis-py-5", "PYTHONPATH", [sys.executable, "client.py"]),
    "redis-py-6": ("redis-py-6", "PYTHONPATH", [sys.executable, "client.py"]),
    "redis-py-8": ("redis-py-8", "PYTHONPATH", [sys.executable, "client.py"]),
    "ioredis-5": ("ioredis5/node_modules", "NODE_PATH", ["node", "client.js"]),
    "ioredis-6": ("ioredis6/node_modules", "NODE_PATH", ["node", "client.js"]),
    "node-redis-5": ("noderedis5/node_modules", "NODE_PATH", ["node", "client.js"]),
    "redis-rs-1": ("redis-rs/release", "PATH", ["redis-rs-client"]),
}
# Modes without a client that reconnects by itself.
WITHOUT = {"redis-rs-1": ["sentinel"]}
MODES = ["cluster", "sentinel", "plain"]
FAULTS = ["killed", "hung", "silent"]

BEFORE = 3.0
PHASE = 2.5
# How long a hang and a silence last.
LASTS = 30.0
# A silence is observed for longer: the kernel retransmits 25 and 51 s after it began.
WATCHED = {"killed": 45.0, "hung": 45.0, "silent": 65.0}
# In mode `plain` the provider promotes the replica this long after the fault.
PROVIDER = 7.0
# A client is stuck if no request of this long before the end succeeded.
STUCK = 5.0

COLUMNS = (
    "library version mode fault run redis_version phase_s requests failed unanswered first_failed_s "
    "promoted_s named_s ended_s first_success_s first_kept_s last_failed_s last_failed_end_s longest_wait_s "
    "stuck acked acked_lost errors load1"
).split()


class Client:
    """The process of one library."""

    def __init__(self, library, lab, libraries):
        folder, variable, command = LIBRARIES[library]
        self.name = library
        self.prefix = f"{TAG}:{library}:"
        order = {
            "client": library,
            "mode": lab.mode,
            "nodes": lab.clients_know,
            "name": "primary.test",
            "name_file": lab.name_file,
            "prefix": self.prefix,
        }
        environment = {**os.environ, variable: os.path.join(libraries, folder)}
        self.process = subprocess.Popen(
            [*command, json.dumps(order)],
            cwd=HERE,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def wait_ready(self):
        word, self.version = self.process.stdout.readline().split()
        assert word == "ready", word

    def requests(self):
        text, _ = self.process.communicate("", timeout=20)
        return [json.loads(line) for line in text.splitlines()]


class Watcher(threading.Thread):
    """Records when a replica becomes the primary, and when it is published."""

    def __init__(self, lab):
        super().__init__(daemon=True)
        self.lab = lab
        self.promoted = self.named = None
        self.over = False

    def run(self):
        lab = self.lab
        replicas = [Poller(lab.address(number)) for number in lab.replicas]
        old = lab.address(1)[0]
        # Ask a primary that stays up, or the first Sentinel in the clients' list.
        namer = Poller(lab.address(2) if lab.mode == "cluster" else lab.address(11, SENTINEL_PORT))
        while not self.over and (self.promoted is None or self.named is None):
            if self.promoted is None:
                roles = [poller.ask("ROLE") for poller in replicas]
                if any(role and role[0] == "master" for role in roles):
                    self.promoted = time.monotonic()
            if lab.mode == "cluster":
                slots = namer.ask("CLUSTER", "SLOTS") or []
                names = [row[2][0] for row in slots if row[0] == 0]
                if names and names[0] != old:
                    self.named = time.monotonic()
            elif lab.mode == "sentinel":
                named = namer.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster")
                if named and named[0] != old:
                    self.named = time.monotonic()
            time.sleep(0.01)


def one_run(mode, fault, run, lane, libraries, measured):
    lab = Lab(mode, lane)
    clients = []
    try:
        for library in measured:
            if mode not in WITHOUT.get(library, []):
                clients.append(Client(library, lab, libraries))
        for client in clients:
            client.wait_ready()
        chance = random.Random(f"{mode} {fault} {run}")
        phase = chance.uniform(0.0, PHASE)
        time.sleep(BEFORE + phase)
        load = os.getloadavg()[0]
        watcher = Watcher(lab)
        watcher.start()

        if fault == "silent":
            # It takes some milliseconds; the fault begins when it returns.
            lab.silence(1)
        struck = time.monotonic()
        if fault != "silent":
            lab.signal(1, signal.SIGKILL if fault == "killed" else signal.SIGSTOP)
        if mode == "plain":
            sleep_until(struck + PROVIDER)
            ask(lab.address(2), "REPLICAOF", "NO", "ONE")
            lab.name(2)
            watcher.named = time.monotonic()
        ended = None
        if fault != "killed":
            sleep_until(struck + LASTS)
            if fault == "hung":
                lab.signal(1, signal.SIGCONT)
            else:
                lab.unsilence()
            ended = time.monotonic()
            if mode == "plain":
                # The provider makes the old primary a replica and closes no connections.
                host, port = lab.address(2)
                while ask(lab.address(1), "REPLICAOF", host, port) is None:
                    time.sleep(0.01)
        sleep_until(struck + WATCHED[fault])
        watcher.over = True
        stopped = time.monotonic()
        told = [client.requests() for client in clients]
        owner = lab.primary()
        common = {
            "mode": mode,
            "fault": fault,
            "run": run,
            "phase_s": phase,
            "redis_version": version(owner),
            "promoted_s": since(struck, watcher.promoted),
            "named_s": since(struck, watcher.named),
            "ended_s": since(struck, ended),
            "load1": load,
        }
        return [
            {**common, **row(client, requests, struck, stopped, owner)}
            for client, requests in zip(clients, told)
        ]
    finally:
        for client in clients:
            client.process.kill()
            client.process.wait()
        lab.close()


def sleep_until(then):
    time.sleep(max(0.0, then - time.monotonic()))


def since(struck, then):
    return None if then is None else then - struck


def version(address):
    info = ask(address, "INFO", "server") or ""
    return re.search(r"redis_version:(\S+)", info).group(1)


def row(client, requests, struck, stopped, owner):
    """The results of one library; times are from the fault on."""
    good = [r for r in requests if r[1] is not None and r[2] is None]
    failed = [r for r in requests if r[2] is not None]
    # Requests of the last second may still be in flight.
    unanswered = [r for r in requests if r[1] is None and r[0] < stopped - 1.0]
    after = [r for r in good if r[0] > struck]
    wrong = failed + unanswered
    kinds = collections.Counter(short(r[2]) for r in failed)
    if unanswered:
        kinds["no answer"] = len(unanswered)
    numbers = [number for number, r in enumerate(requests) if r[1] is not None and r[2] is None]
    lost = missing(owner, client.prefix, numbers)
    kept = [requests[n] for n in numbers if requests[n][0] > struck and n not in lost]
    return {
        "library": client.name,
        "version": client.version,
        "requests": len(requests),
        "failed": len(failed),
        "unanswered": len(unanswered),
        "first_failed_s": min((r[1] - struck for r in failed), default=None),
        "first_success_s": min((r[1] - struck for r in after), default=None),
        "first_kept_s": min((r[1] - struck for r in kept), default=None),
        "last_failed_s": max((r[0] - struck for r in wrong), default=None),
        "last_failed_end_s": max((r[1] - struck for r in failed), default=None),
        "longest_wait_s": max((r[1] - r[0] for r in good), default=None),
        "stuck": "yes" if not any(r[0] > stopped - STUCK for r in good) else "no",
        "acked": len(good),
        "acked_lost": len(lost),
        "errors": "; ".join(f"{count} x {kind}" for kind, count in kinds.most_common(3)),
    }


def short(message):
    """A message without the parts that differ between runs."""
    message = re.sub(r"127\.\d+\.0\.(\d+)", r"node-\1", message.splitlines()[0])
    message = re.sub(r"\bslot '?\d+'?", "slot N", message)
    return message[:90].replace(";", ",")


def missing(owner, prefix, numbers):
    """The acknowledged writes that the shard's owner does not have."""
    if not numbers:
        return set()
    connection = Connection(owner, 5.0)
    values = connection.call("MGET", *[f"{prefix}{n}" for n in numbers])
    connection.close()
    return {number for number, value in zip(numbers, values) if value is None}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--libraries", required=True, help="where the libraries are installed")
    parser.add_argument("--clients", nargs="*", default=list(LIBRARIES), choices=LIBRARIES)
    parser.add_argument("--runs", type=int, default=10, help="runs of each mode and fault")
    parser.add_argument("--first", type=int, default=1, help="number of the first run")
    parser.add_argument("--modes", nargs="*", default=MODES, choices=MODES)
    parser.add_argument("--faults", nargs="*", default=FAULTS, choices=FAULTS)
    parser.add_argument("--at-once", type=int, default=3, help="runs under way at once")
    parser.add_argument("--out", required=True, help="CSV file; rows are appended")
    options = parser.parse_args()

    jobs = []
    for run in range(options.first, options.first + options.runs):
        block = [(mode, fault, run) for mode in options.modes for fault in options.faults]
        random.Random(run).shuffle(block)
        jobs += block
    lanes = queue.Queue()
    for lane in range(options.at_once):
        lanes.put(40 + lane)
    fresh = not os.path.exists(options.out)
    with open(options.out, "a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        if fresh:
            writer.writeheader()
        lock = threading.Lock()

        def in_lane(job):
            lane = lanes.get()
            try:
                # A separate process, so that runs do not share an interpreter lock.
                with concurrent.futures.ProcessPoolExecutor(1) as alone:
                    rows = alone.submit(one_run, *job, lane, options.libraries, options.clients)
                    rows = rows.result()
                with lock:
                    writer.writerows(plain(one) for one in rows)
                    file.flush()
                    print(time.strftime("%H:%M:%S"), *job, flush=True)
            except Exception as error:  # A failed run loses its own rows only.
                print(time.strftime("%H:%M:%S"), *job, "FAILED", repr(error), flush=True)
            finally:
                lanes.put(lane)

        with concurrent.futures.ThreadPoolExecutor(options.at_once) as pool:
            list(pool.map(in_lane, jobs))


def plain(row):
    return {
        key: f"{value:.3f}" if isinstance(value, float) else "" if value is None else value
        for key, value in row.items()
    }


if __name__ == "__main__":
    main()
