// The golden vectors of the wire, read by the package: payloads, fingerprints, and frames both ways. `cargo xtask test npm`
// compiles the package and the vectors' kinds before.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { test } from "node:test";

import { kinds, Ask, Everything, Typing } from "../build/test/vectors.js";
import { connect } from "../dist/node.js";
import { decode, encode, encodeKey, fromHex, toHex } from "../dist/json.js";

const LIMIT = { timeout: 30_000 };

const WebSocket = createRequire(new URL("../../e2e/package.json", import.meta.url))("ws");

async function vectors(name) {
  return JSON.parse(await readFile(new URL(`../../protocol/tests/vectors/${name}`, import.meta.url), "utf8"));
}

const payloads = await vectors("payloads.json");
const messages = new Map((await vectors("frames.json")).map(({ name, message }) => [name, message]));

/** The message of a vector, by its name. */
function message(name) {
  const found = messages.get(name);
  assert.ok(found, `there is no vector ${name}`);
  return Buffer.from(found, "hex");
}

test("the kinds have the vectors' names, classes and fingerprints", () => {
  const classes = ["call", "stream", "event", "topic"];
  const expected = payloads.map(({ kind, class: of, fingerprint }) => ({ kind, of: classes[of], fingerprint }));
  const found = kinds.map(({ name, class: of, fingerprint }) => {
    return { kind: name, of, fingerprint: toHex(fromHex(fingerprint).reverse()) };
  });
  assert.deepEqual(found, expected);
});

test("what is decoded of a vector's payload is encoded as the same bytes", () => {
  for (const [place, { kind, json }] of payloads.entries()) {
    const codec = kinds[place].codec?.request;
    const write = kinds[place].class === "topic" ? encodeKey : encode;
    assert.equal(write(kind, decode(kind, new TextEncoder().encode(json), codec), codec), json);
  }
});

test("wide integers of a vector are decoded to their values", () => {
  const [{ kind, json }] = payloads;
  const { large, list, map } = decode(kind, new TextEncoder().encode(json), Everything.codec.request);
  assert.deepEqual(large, [2n ** 64n - 1n, -(2n ** 63n), 2n ** 128n - 1n, -(2n ** 127n)]);
  assert.deepEqual(list, ["Nothing", { One: 1 }, { Two: [2, "two"] }, { named: { inner: -3n } }]);
  assert.deepEqual(map, { 1: "one", 300: "" });
});

/** Starts a server whose client is told by vectors, and gives it and a client, which hasn't been welcomed yet. */
async function played(t) {
  const server = new WebSocket.Server({ port: 0, host: "127.0.0.1", handleProtocols: (offered) => [...offered][0] });
  t.after(() => {
    for (const socket of server.clients) socket.terminate();
    server.close();
  });
  await once(server, "listening");
  const connected = once(server, "connection");
  const url = `ws://127.0.0.1:${server.address().port}/ws`;
  const client = connect(url, kinds, { webSocket: WebSocket, token: "ticket", reconnect: false });
  const [socket] = await connected;
  const heard = async () => (await once(socket, "message"))[0].toString("hex");
  return { client, socket, heard };
}

test("a client says the vectors' hello and table, and understands their welcome and goodbye", LIMIT, async (t) => {
  const { client: connecting, socket, heard } = await played(t);
  assert.equal(socket.protocol, "twinwire.0.json");
  const hello = await heard();
  const withoutBounds = (hex) => hex.slice(hex.indexOf("06" + Buffer.from("ticket").toString("hex")));
  assert.equal(withoutBounds(hello), withoutBounds(messages.get("hello")));
  const table = heard();
  socket.send(message("need_table"));
  assert.equal(await table, messages.get("table"));
  socket.send(message("welcome"));
  const client = await connecting;
  assert.deepEqual(client.state, { type: "open", session: "07".repeat(16), peer: "08".repeat(8) });
  // The vector refuses two kinds.
  await assert.rejects(client.stream(Ask, { prompt: "why?" }).next(), { code: "unknown_kind" });
  await assert.rejects(client.send(Typing, {}), { code: "kind_differs" });
  socket.send(message("goodbye"));
  const { code, here, reason, retry } = await client.closed;
  assert.deepEqual({ code, here, reason, retry }, { code: "going_away", here: false, reason: "back soon", retry: 1_500 });
});
