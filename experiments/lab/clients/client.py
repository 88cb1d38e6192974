"""One service with redis-py: a SET every 100 ms, each in a thread of its own.

Started by measure.py with a JSON object as its only argument. Says `ready` once a SET has succeeded,
and at the end of its input writes one JSON line per request: [start, end, error]. Times are of the
monotonic clock, which all processes of the machine share; `end` is null for a request without a reply.

All options of the library are left at their defaults.
"""

import json
import os
import socket
import sys
import threading
import time

import redis
from redis.cluster import ClusterNode, RedisCluster
from redis.sentinel import Sentinel

INTERVAL = 0.1


def resolve_by_file(name, file):
    """Resolves `name` to the address that `file` holds now, as a name server without caches."""
    real = socket.getaddrinfo

    def lookup(host, *rest, **options):
        if host == name:
            with open(file, encoding="ascii") as text:
                host = text.read().strip()
        return real(host, *rest, **options)

    socket.getaddrinfo = lookup


def connect(order):
    nodes = order["nodes"]
    if order["mode"] == "cluster":
        return RedisCluster(startup_nodes=[ClusterNode(host, port) for host, port in nodes])
    if order["mode"] == "sentinel":
        return Sentinel([tuple(node) for node in nodes]).master_for("mymaster")
    return redis.Redis(host=order["name"], port=nodes[0][1])


def main():
    order = json.loads(sys.argv[1])
    if order["mode"] == "plain":
        resolve_by_file(order["name"], order["name_file"])
    client = connect(order)
    client.set(order["prefix"] + "first", 1)
    print("ready", redis.__version__, flush=True)

    stop = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
    requests = []

    def request(number, row):
        try:
            client.set(f"{order['prefix']}{number}", number)
            row[1] = time.monotonic()
        except Exception as error:  # Any error counts as a failed request.
            row[1], row[2] = time.monotonic(), f"{type(error).__name__}: {error}"

    begin = time.monotonic()
    number = 0
    while not stop.wait(max(0.0, begin + number * INTERVAL - time.monotonic())):
        row = [time.monotonic(), None, None]
        requests.append(row)
        threading.Thread(target=request, args=(number, row), daemon=True).start()
        number += 1
    for row in requests:
        print(json.dumps(row))
    sys.stdout.flush()
    # Exit without joining threads that are still blocked.
    os._exit(0)


main()
