// One service with ioredis or node-redis: a SET every 100 ms, each a promise of its own.
//
// The same protocol as client.py: a JSON object as argument, `ready` once a SET has succeeded, and a
// JSON line [start, end, error] for each request when the input ends. All options of the libraries
// are left at their defaults.

"use strict";

const dns = require("dns");
const fs = require("fs");

const INTERVAL_MS = 100;

// CLOCK_MONOTONIC in seconds, as Python's time.monotonic().
const now = () => Number(process.hrtime.bigint()) / 1e9;

// Resolves `name` to the address that `file` holds now, as a name server without caches.
function resolveByFile(name, file) {
  const real = dns.lookup;
  dns.lookup = (host, options, callback) => {
    if (host !== name) return real(host, options, callback);
    if (typeof options === "function") [options, callback] = [{}, options];
    const address = fs.readFileSync(file, "utf8").trim();
    const all = [{ address, family: 4 }];
    process.nextTick(() => (options.all ? callback(null, all) : callback(null, address, 4)));
  };
}

async function ioredis(order) {
  const { Redis, Cluster } = require("ioredis");
  const nodes = order.nodes.map(([host, port]) => ({ host, port }));
  let client;
  if (order.mode === "cluster") client = new Cluster(nodes);
  else if (order.mode === "sentinel") client = new Redis({ sentinels: nodes, name: "mymaster" });
  else client = new Redis(order.nodes[0][1], order.name);
  return client;
}

async function nodeRedis(order) {
  const { createClient, createCluster, createSentinel } = require("redis");
  const nodes = order.nodes.map(([host, port]) => ({ host, port }));
  let client;
  if (order.mode === "cluster") {
    const rootNodes = nodes.map(({ host, port }) => ({ url: `redis://${host}:${port}` }));
    client = createCluster({ rootNodes });
  } else if (order.mode === "sentinel") {
    client = createSentinel({ name: "mymaster", sentinelRootNodes: nodes });
  } else {
    client = createClient({ url: `redis://${order.name}:${order.nodes[0][1]}` });
  }
  client.on("error", () => {});
  await client.connect();
  return client;
}

async function main() {
  const order = JSON.parse(process.argv[2]);
  if (order.mode === "plain") resolveByFile(order.name, order.name_file);
  const client = await (order.client.startsWith("ioredis") ? ioredis(order) : nodeRedis(order));
  // Errors of connections are events; without a listener they would end the process.
  client.on("error", () => {});
  await client.set(order.prefix + "first", "1");
  const parts = order.client.startsWith("ioredis") ? "ioredis" : "redis";
  console.log("ready", require(`${parts}/package.json`).version);
  // node-redis prints some errors; the output belongs to the results.
  console.log = () => {};

  const requests = [];
  const request = async (number) => {
    const row = [now(), null, null];
    requests.push(row);
    try {
      await client.set(`${order.prefix}${number}`, `${number}`);
      row[1] = now();
    } catch (error) {
      row[1] = now();
      row[2] = `${error.constructor.name}: ${error.message}`;
    }
  };
  const begin = now();
  let number = 0;
  const tick = () => {
    request(number);
    number += 1;
    setTimeout(tick, Math.max(0, (begin - now()) * 1000 + number * INTERVAL_MS));
  };
  tick();
  process.on("unhandledRejection", () => {});
  process.stdin.on("end", () => {
    const text = requests.map((row) => JSON.stringify(row) + "\n").join("");
    process.stdout.write(text, () => process.exit(0));
  });
  process.stdin.resume();
}

main();
