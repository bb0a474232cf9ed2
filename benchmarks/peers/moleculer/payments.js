// The same service over Moleculer's TCP transporter: `serve` answers, `call` is a client that is told what to do.
// usage: node payments.js serve|call FOLDER-OF-MOLECULER SERVER-PORT CLIENT-PORT
"use strict";

const net = require("net");
const readline = require("readline");
const { performance } = require("perf_hooks");

const [role, folder, serverPort, clientPort] = process.argv.slice(2);
const { ServiceBroker } = require(`${folder}/node_modules/moleculer`);
const ORDER = {
  id: "order-2026-000417", customer: "customer-901334", product: "sku-4471-b", quantity: 3, amount: 12990, currency: "EUR",
};

// The transporter has no setting for the address to listen on, and a benchmark has no business on the network.
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (options, ...rest) {
  return listen.call(this, { ...options, host: "127.0.0.1" }, ...rest);
};

const say = (answer) => process.stdout.write(JSON.stringify(answer) + "\n");

function broker(nodeID, port) {
  const urls = [`tcp://127.0.0.1:${serverPort}/server`, `tcp://127.0.0.1:${clientPort}/client`];
  const options = { udpDiscovery: false, useHostname: false, port: Number(port), urls };
  return new ServiceBroker({ nodeID, logger: false, transporter: { type: "TCP", options } });
}

async function serve() {
  const server = broker("server", serverPort);
  server.createService({
    name: "payments",
    actions: {
      process({ params }) {
        const { id, amount, currency } = params;
        return { order: id, payment: "payment-771209455-eu/2", amount, currency, status: "accepted" };
      },
    },
  });
  await server.start();
  say({ ready: true });
}

async function closedLoop(client, inFlight, seconds) {
  const times = [];
  const began = performance.now();
  const until = began + seconds * 1000;
  async function caller() {
    let before = performance.now();
    while (before < until) {
      await client.call("payments.process", ORDER);
      const now = performance.now();
      times.push(now - before);
      before = now;
    }
  }
  await Promise.all(Array.from({ length: inFlight }, caller));
  const elapsed = (performance.now() - began) / 1000;
  const sorted = Float64Array.from(times).sort();
  const rank = (share) => sorted[Math.floor((sorted.length - 1) * share)] * 1000;
  return { calls: sorted.length, seconds: elapsed, p50: rank(0.5), p99: rank(0.99) };
}

async function call() {
  const client = broker("client", clientPort);
  await client.start();
  await client.waitForServices("payments");
  await client.call("payments.process", ORDER);
  say({ ready: true });
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const { in_flight, seconds } = JSON.parse(line);
    say(await closedLoop(client, in_flight, seconds));
  }
  process.exit(0);
}

({ serve, call })[role]();
