"""Real Redis processes for measure.py, each with its own loopback address.

That each node has an address of its own makes a lost host possible: a packet filter drops whatever
comes from or goes to that address, so the kernels of clients see no acknowledgement either.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

PORT = 6379
SENTINEL_PORT = 26379
SLOTS = 16384
SHARDS = 3
# A key of the first shard: its tag hashes to slot 685.
TAG = "{t3}"

NODE = """
protected-mode no
daemonize no
save ""
appendonly no
repl-diskless-sync yes
repl-diskless-sync-delay 0
tcp-backlog 4096
"""


class Failure(Exception):
    """No answer, or an error."""


class Connection:
    """A minimal RESP client."""

    def __init__(self, address, timeout=1.0):
        self.socket = socket.create_connection(address, timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")

    def send(self, *words):
        parts = [f"${len(str(word))}\r\n{word}\r\n" for word in words]
        self.socket.sendall((f"*{len(words)}\r\n" + "".join(parts)).encode())

    def call(self, *words):
        self.send(*words)
        return self.reply()

    def reply(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise Failure("connection closed")
        kind, rest = line[:1], line[1:-2].decode()
        if kind == b"+":
            return rest
        if kind == b":":
            return int(rest)
        if kind == b"-":
            raise Failure(rest)
        if kind == b"$":
            length = int(rest)
            return None if length < 0 else self.file.read(length + 2)[:-2].decode()
        return [self.reply() for _ in range(int(rest))]

    def close(self):
        self.file.close()
        self.socket.close()


def ask(address, *words, timeout=1.0):
    """One command on a new connection; `None` without a reply."""
    try:
        connection = Connection(address, timeout)
        try:
            return connection.call(*words)
        finally:
            connection.close()
    except (OSError, Failure):
        return None


class Poller:
    """Polls one address, over one connection while that works."""

    def __init__(self, address):
        self.address = address
        self.connection = None

    def ask(self, *words):
        try:
            if self.connection is None:
                self.connection = Connection(self.address, 0.5)
            return self.connection.call(*words)
        except (OSError, Failure):
            self.connection = None
            return None


class Lab:
    """Processes of one run. Lane `lane` has the addresses 127.<lane>.0.x."""

    def __init__(self, mode, lane):
        self.mode = mode
        self.lane = lane
        self.directory = tempfile.mkdtemp(prefix="lab-clients-")
        self.processes = {}
        self.dropped = []
        self.name_file = os.path.join(self.directory, "primary.test")
        {"cluster": self.cluster, "sentinel": self.sentinel, "plain": self.plain}[mode]()

    def address(self, number, port=PORT):
        return (f"127.{self.lane}.0.{number}", port)

    def start(self, number, directives, sentinel=False):
        host, port = self.address(number, SENTINEL_PORT if sentinel else PORT)
        directory = os.path.join(self.directory, f"node-{number}")
        os.makedirs(directory, exist_ok=True)
        own = f"bind {host}\nbind-source-addr {host}\nport {port}\ndir {directory}\n"
        file = os.path.join(directory, "redis.conf")
        with open(file, "w", encoding="ascii") as text:
            text.write(own + directives)
        command = ["redis-server", file] + (["--sentinel"] if sentinel else [])
        with open(os.path.join(directory, "log"), "w", encoding="ascii") as log:
            self.processes[number] = subprocess.Popen(command, stdout=log, stderr=log)

    def wait(self, what, condition, limit=40.0):
        end = time.monotonic() + limit
        while not condition():
            if time.monotonic() > end:
                raise RuntimeError(f"{self.mode}: no {what} within {limit} s")
            time.sleep(0.1)

    # Nodes 1 to 3 are primaries; node n + 3 is the replica of node n. Node 1 gets the fault.
    def cluster(self):
        count = 2 * SHARDS
        for own in range(1, count + 1):
            lines = []
            for node in range(1, count + 1):
                host, port = self.address(node)
                shard = (node - 1) % SHARDS
                first, last = SLOTS * shard // SHARDS, SLOTS * (shard + 1) // SHARDS - 1
                role = f"master - 0 0 {shard + 1} connected {first}-{last}"
                if node > SHARDS:
                    role = f"slave {shard + 1:040x} 0 0 {shard + 1} connected"
                myself = "myself," if node == own else ""
                lines.append(f"{node:040x} {host}:{port}@{port + 10000} {myself}{role}\n")
            lines.append(f"vars currentEpoch {SHARDS} lastVoteEpoch 0\n")
            directory = os.path.join(self.directory, f"node-{own}")
            os.makedirs(directory)
            with open(os.path.join(directory, "nodes.conf"), "w", encoding="ascii") as text:
                text.writelines(lines)
            self.start(own, NODE + "cluster-enabled yes\ncluster-node-timeout 5000\n")

        def healthy(node):
            info = ask(self.address(node), "CLUSTER", "INFO") or ""
            nodes = ask(self.address(node), "CLUSTER", "NODES") or ""
            role = ask(self.address(node), "ROLE") or []
            linked = len(role) > 3 and role[3] == "connected" if node > SHARDS else True
            return (
                "cluster_state:ok" in info
                and nodes.count(" connected") == count
                and "fail" not in nodes
                and linked
            )

        self.wait("healthy cluster", lambda: all(healthy(n) for n in range(1, count + 1)))
        self.replicas = [4]
        self.clients_know = [self.address(n) for n in range(1, count + 1)]

    def replicated(self, replicas):
        for number in (1, *replicas):
            of = "" if number == 1 else "replicaof {} {}\n".format(*self.address(1))
            self.start(number, NODE + of)
        self.wait(
            "replicas in sync",
            lambda: all(
                (ask(self.address(n), "ROLE") or [""] * 4)[3] == "connected" for n in replicas
            ),
        )
        self.replicas = replicas

    # Node 1 is the primary, 2 and 3 are replicas, 11 to 13 Sentinels.
    def sentinel(self):
        self.replicated([2, 3])
        host, port = self.address(1)
        for number in (11, 12, 13):
            self.start(
                number,
                f"protected-mode no\ndaemonize no\nsentinel monitor mymaster {host} {port} 2\n"
                "sentinel down-after-milliseconds mymaster 5000\n"
                "sentinel failover-timeout mymaster 60000\n"
                "sentinel parallel-syncs mymaster 1\n",
                sentinel=True,
            )

        def sees_all(number):
            address = self.address(number, SENTINEL_PORT)
            flat = ask(address, "SENTINEL", "MASTER", "mymaster") or []
            told = dict(zip(flat[::2], flat[1::2]))
            replicas = ask(address, "SENTINEL", "REPLICAS", "mymaster") or []
            others = ask(address, "SENTINEL", "SENTINELS", "mymaster") or []
            down = [row for row in (*replicas, *others) if "down" in " ".join(row)]
            return (
                told.get("flags") == "master"
                and told.get("num-slaves") == "2"
                and told.get("num-other-sentinels") == "2"
                and len(others) == 2
                and not any("s_down" in " ".join(row) for row in down)
                and all("disconnected" not in " ".join(row) for row in (*replicas, *others))
            )

        self.wait("Sentinels that see all", lambda: all(sees_all(n) for n in (11, 12, 13)))
        self.clients_know = [self.address(n, SENTINEL_PORT) for n in (11, 12, 13)]

    # Node 1 is the primary, 2 its replica. The provider is `promote`.
    def plain(self):
        self.replicated([2])
        self.name(1)
        self.clients_know = [self.address(1)]

    def name(self, number):
        """Points the name at a node."""
        with open(self.name_file + ".new", "w", encoding="ascii") as text:
            text.write(self.address(number)[0])
        os.replace(self.name_file + ".new", self.name_file)

    def signal(self, number, which):
        os.kill(self.processes[number].pid, which)

    def silence(self, number):
        """Silences the host: all packets from and to it are dropped."""
        host, _ = self.address(number)
        for side in ("-s", "-d"):
            rule = ["INPUT", side, host, "-j", "DROP"]
            # Both rules are set within a few milliseconds; either alone silences the node.
            subprocess.run(["iptables", "-w", "-I", *rule], check=True)
            self.dropped.append(rule)

    def unsilence(self):
        for rule in self.dropped:
            subprocess.run(["iptables", "-w", "-D", *rule], check=True)
        self.dropped = []

    def primary(self):
        """The published owner of the first shard."""
        if self.mode == "cluster":
            for row in ask(self.address(2), "CLUSTER", "SLOTS") or []:
                if row[0] == 0:
                    return (row[2][0], row[2][1])
        if self.mode == "sentinel":
            host, port = ask(
                self.address(11, SENTINEL_PORT), "SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster"
            )
            return (host, int(port))
        with open(self.name_file, encoding="ascii") as text:
            return (text.read().strip(), PORT)

    def close(self):
        self.unsilence()
        for process in self.processes.values():
            process.send_signal(signal.SIGKILL)
            process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)
