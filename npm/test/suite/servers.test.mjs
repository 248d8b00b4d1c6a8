// Servers that answer nonsense, and sessions that are lost: in Node, where a test can be the server.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect as connectTcp, createServer } from "node:net";
import { createInterface } from "node:readline";
import { test } from "node:test";

import { Add, Count, Echo, Hang, Room } from "../../build/test/suite.js";
import { failure, until } from "./check.mjs";
import { WebSocket, place, port } from "./node.mjs";
import { Platform } from "./platform.mjs";

const LIMIT = { timeout: 30_000 };

/** A test with a platform of its own. */
function on(name, run) {
  test(name, LIMIT, async (t) => {
    const platform = new Platform(place);
    try {
      await run(platform, t);
    } finally {
      await platform.end();
    }
  });
}

/** Starts a server of WebSockets that does as it is told; returns its address. */
async function serve(t, does, chooses = (offered) => [...offered][0]) {
  const server = new WebSocket.Server({ port: 0, host: "127.0.0.1", handleProtocols: chooses });
  server.on("connection", does);
  await once(server, "listening");
  t.after(() => {
    for (const socket of server.clients) socket.terminate();
    server.close();
  });
  return `ws://127.0.0.1:${server.address().port}/ws`;
}

/** Starts a second server of the suite; returns its port. */
async function secondServer(t) {
  const child = spawn(process.env.TWINWIRE_TEST_PEER, { stdio: ["pipe", "pipe", "inherit"] });
  t.after(() => child.stdin.end());
  for await (const line of createInterface({ input: child.stdout })) {
    const wire = line.match(/^wire (\d+)$/);
    if (wire) return Number(wire[1]);
  }
  throw new Error("the server named no port");
}

/** Starts a link to a port that can be cut, and led elsewhere. */
async function link(t, target) {
  const streams = new Set();
  const door = createServer((client) => {
    const server = connectTcp(link.target, "127.0.0.1");
    client.pipe(server).pipe(client);
    for (const stream of [client, server]) {
      streams.add(stream);
      stream.on("error", () => {}).on("close", () => {
        client.destroy();
        server.destroy();
      });
    }
  });
  const cut = () => {
    for (const stream of streams) stream.destroy();
    streams.clear();
  };
  door.listen(0, "127.0.0.1");
  await once(door, "listening");
  t.after(() => {
    cut();
    door.close();
  });
  const link = { target, cut, url: `ws://127.0.0.1:${door.address().port}/ws` };
  return link;
}

/** Connects by a link, which leads to another server, or back, whenever it is said: then the session is lost. */
async function moving(platform, t, options) {
  const way = await link(t, port("WIRE"));
  const ports = [await secondServer(t), port("WIRE")];
  const client = await platform.connect(options, way.url);
  const move = async () => {
    way.target = ports.shift();
    way.cut();
    await until(client, "statechange", () => client.state.type === "resuming");
    client.reconnectNow();
  };
  return { client, move };
}

/** Collects what is said to the console as an error. */
function errors(t) {
  const { error } = console;
  t.after(() => (console.error = error));
  const said = [];
  console.error = (...words) => said.push(words);
  return said;
}

on("a call that is held back ends at its deadline, also in an onSessionReplaced that waits for itself", async (platform, t) => {
  const said = errors(t);
  let told;
  const held = new Promise((resolve) => (told = resolve));
  const { client, move } = await moving(platform, t, {
    callTimeout: 300,
    onSessionReplaced: () => {
      told(failure(client.call(Add, { left: 1n, right: 1n })));
      return client.call(Add, { left: 1n, right: 1n });
    },
  });
  await move();
  assert.equal((await held).code, "deadline");
  // The session that had to wait for it goes on.
  while ((await client.call(Add, { left: 2n, right: 2n }).catch(() => 0n)) !== 4n);
  assert.equal(said[0].at(-1).code, "deadline");
});

on("an onSessionReplaced whose session is lost meanwhile is told, and asks for nothing more", async (platform, t) => {
  const begun = [];
  let begins;
  const { client, move } = await moving(platform, t, {
    onSessionReplaced: (first, why, { signal }) => {
      begun.push({ first, signal });
      begins?.();
      if (begun.length === 1) return new Promise(() => {});
    },
  });
  const next = () => new Promise((resolve) => (begins = resolve));
  const first = next();
  await move();
  await first;
  assert.equal(begun[0].signal.aborted, false);
  const second = next();
  await move();
  await second;
  assert.equal(begun[0].signal.aborted, true);
  const stale = begun[0].first;
  assert.equal((await failure(stale.call(Add, { left: 1n, right: 1n }))).code, "not_received");
  assert.equal((await failure(stale.stream(Count, { to: 1, fail: false }).next())).code, "not_received");
  assert.equal((await failure(stale.subscribe(Room, { name: "stale" }).joined)).code, "not_received");
  assert.equal(await client.call(Add, { left: 1n, right: 1n }), 2n);
  assert.equal(begun[1].signal.aborted, false);
});

on("an onSessionReplaced and a token's function are told that the client is closed", async (platform, t) => {
  let told;
  const { client, move } = await moving(platform, t, {
    onSessionReplaced: (_, __, { signal }) => new Promise(() => told({ signal })),
  });
  const begins = new Promise((resolve) => (told = resolve));
  await move();
  const { signal } = await begins;
  await client.close();
  assert.equal(signal.aborted, true);
  let asked = 0;
  const closed = new Promise((resolve) => (told = resolve));
  const token = ({ signal }) => {
    asked += 1;
    signal.addEventListener("abort", () => told());
    return new Promise(() => {});
  };
  await failure(platform.connect({ token, connectTimeout: 300 }));
  await closed;
  assert.equal(asked, 1);
});

on("a token is asked for once at a time, however often the connection is lost meanwhile", async (platform, t) => {
  const answers = [];
  const { client, move } = await moving(platform, t, {
    token: () => (answers.length === 0 && answers.push(undefined) ? "first" : new Promise((give) => answers.push(give))),
  });
  await move();
  while (answers.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  client.pause();
  await until(client, "statechange", () => client.state.type === "paused");
  client.reconnectNow();
  await until(client, "statechange", () => client.state.type === "resuming");
  await new Promise((resolve) => setTimeout(resolve));
  assert.equal(answers.length, 2);
  answers[1]("second");
  await until(client, "statechange", () => client.state.type === "open");
});

on("nonsense instead of a welcome is an error soon, and other clients go on", async (platform, t) => {
  const other = await platform.connect();
  const nonsense = [
    (socket) => socket.send("hello"),
    (socket) => socket.send(new Uint8Array([255, 255, 255, 255])),
    (socket) => socket.send(new Uint8Array(0)),
    (socket) => socket.send(new Uint8Array(100_000).fill(1)),
    (socket) => socket.on("message", (message) => socket.send(message)),
    (socket) => socket.close(4321, "no"),
    (socket) => socket.terminate(),
    () => {},
  ];
  await Promise.all(nonsense.map(async (does) => {
    const url = await serve(t, does);
    const error = await failure(platform.connect({ connectTimeout: 1_000 }, url));
    assert.equal(error.name, "ConnectError", `${does}: ${error.stack}`);
    assert.match(error.message, /^no connection to ws:/);
  }));
  assert.equal(await other.call(Add, { left: 1n, right: 1n }), 2n);
});

on("a server that speaks no subprotocol of ours is an error that says what it answers", async (platform, t) => {
  const url = await serve(t, () => {}, () => false);
  const error = await failure(platform.connect({ connectTimeout: 1_000 }, url));
  assert.deepEqual([error.code, error.status], ["status", 426]);
});

on("nonsense instead of answers ends the session, and comes to everyone who waits", async (platform, t) => {
  const proxied = await serve(t, (socket, request) => {
    const server = new WebSocket(platform.url(), request.headers["sec-websocket-protocol"].split(/, */));
    const waiting = [];
    let messages = 0;
    socket.on("message", (message, isBinary) => {
      messages += 1;
      if (messages > 4) socket.send(new Uint8Array([250, 1, 2, 3]));
      else if (server.readyState === 1) server.send(message, { binary: isBinary });
      else waiting.push([message, isBinary]);
    });
    server.on("open", () => waiting.forEach(([message, binary]) => server.send(message, { binary })));
    server.on("message", (message, isBinary) => socket.send(message, { binary: isBinary }));
    server.on("error", () => {}).on("close", () => socket.close());
    socket.on("close", () => server.close());
  });
  const other = await platform.connect();
  const client = await platform.connect({ reconnect: false, callTimeout: 5_000 }, proxied);
  const hang = failure(client.call(Hang, {}));
  const lines = client.subscribe(Room, { name: "nonsense" });
  const joined = lines.joined.catch((error) => error);
  const next = lines.next().catch((error) => error);
  for (let number = 0; number < 10; number += 1) {
    await client.ping().catch(() => {});
  }
  const end = await client.closed;
  assert.ok(["misbehaved", "malformed", "wrong_state"].includes(end.code), end.code);
  assert.ok(["unknown", "not_received"].includes((await hang).code));
  await Promise.all([joined, next]);
  assert.equal(await other.call(Add, { left: 1n, right: 1n }), 2n);
});

on("a lost session is replaced: what onSessionReplaced asks for goes first", async (platform, t) => {
  const said = errors(t);
  const order = [];
  const way = await link(t, port("WIRE"));
  let kept;
  const client = await platform.connect({
    onSessionReplaced: async (first, why) => {
      kept = first;
      order.push(why, await first.call(Add, { left: 1n, right: 1n }));
      order.push((await first.stream(Count, { to: 1, fail: false }).next()).value);
      throw new Error("the application's");
    },
  }, way.url);
  const { session } = client.state;
  const lines = client.subscribe(Room, { name: "replaced" });
  assert.equal(await lines.joined, "begun");
  // The other server knows nothing of the session.
  way.target = await secondServer(t);
  way.cut();
  await until(client, "statechange", () => client.state.type === "resuming");
  const sum = client.call(Add, { left: 2n, right: 2n }).then((sum) => order.push(sum));
  client.reconnectNow();
  await sum;
  assert.deepEqual(order.map(String), ["restarted", "2", "0", "4"]);
  assert.notEqual(client.state.session, session);
  assert.equal((await lines.next()).value.type, "new_epoch");
  // Whoever has kept the first client goes on with a place in the line.
  assert.equal(await kept.call(Add, { left: 1n, right: 1n }), 2n);
  await kept.send(Echo, { text: "" });
  assert.equal(said[0].at(-1).message, "the application's");
});

on("a client that is closed while its socket opens leaves nothing that the socket could call", async (platform, t) => {
  const sockets = [];
  class Kept extends WebSocket {
    constructor(...of) {
      super(...of);
      sockets.push(this);
    }
  }
  const way = await link(t, port("WIRE"));
  const client = await platform.connect({ webSocket: Kept }, way.url);
  const silent = createServer();
  silent.listen(0, "127.0.0.1");
  await once(silent, "listening");
  t.after(() => silent.close());
  way.target = silent.address().port;
  way.cut();
  const [stream] = await once(silent, "connection");
  t.after(() => stream.destroy());
  // It tells its listeners before the handler that the module has set.
  const failed = new Promise((resolve) => sockets.at(-1).prependListener("error", resolve));
  await client.close();
  await failed;
  await new Promise((resolve) => setImmediate(resolve));
});
