// Clients of other makers, against both endpoints: each shakes hands, is heard, hears, and closes.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { port, tool } from "./tools.mjs";

/** Longer than any client takes on a busy machine, in milliseconds. */
const LIMIT = 120_000;

const source = (name) => fileURLToPath(new URL(`sources/${name}`, import.meta.url));

/** Each client: the tool that runs it, and what comes before address and subprotocol. */
const CLIENTS = [
  { client: "Java, java.net.http", runs: "java", words: [source("Handshake.java")] },
  { client: "Python, websockets", runs: "python", words: [source("handshake.py")] },
  { client: "Node, ws", runs: "node", words: [source("ws.mjs")] },
  { client: "Bun", runs: "bun", words: [source("websocket.mjs")] },
  { client: "Deno", runs: "deno", words: ["run", "--allow-net", source("websocket.mjs")] },
  { client: "Go, gorilla/websocket", runs: "go", words: ["run", source("gorilla/main.go")] },
  { client: "Go, nhooyr.io/websocket", runs: "go", words: ["run", source("nhooyr/main.go")] },
];

/** Runs a client to its end, and gives the lines it printed. */
async function run({ runs, words }, path, subprotocol) {
  const { program } = tool(runs);
  const url = `ws://127.0.0.1:${port()}${path}`;
  const options = { timeout: LIMIT };
  const { stdout } = await promisify(execFile)(program, [...words, url, subprotocol], options);
  return stdout.trim().split("\n");
}

for (const client of CLIENTS) {
  const skip = tool(client.runs).missing;
  test(`${client.client} talks to the plain endpoint`, { skip, timeout: LIMIT }, async () => {
    assert.deepEqual(await run(client, "/plain", "chat"), [
      "open chat",
      "text client:hello,服务端",
      "closed 1000",
    ]);
  });

  // It speaks no Twinwire: its text is answered with a goodbye, and the close code that goes with it.
  test(`${client.client} is heard by the typed endpoint`, { skip, timeout: LIMIT }, async () => {
    assert.deepEqual(await run(client, "/ws", "twinwire.0.json"), [
      "open twinwire.0.json",
      "binary",
      "closed 4001",
    ]);
  });
}

/**
 * Sends headers by hand, as people do who try an endpoint; curl before 8.11 knows no WebSocket.
 * @returns {Promise<string>} the answer's status line and its body
 */
async function curl(t, path, ...headers) {
  const words = ["--verbose", "--silent", "--http1.1"];
  for (const header of headers) words.push("--header", header);
  const url = `http://127.0.0.1:${port()}${path}`;
  const child = spawn(tool("curl").program, [...words, url], { signal: t.signal });
  const closed = once(child, "close");
  let [body, told] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (chunk) => (body += chunk));
  child.stderr.setEncoding("utf8").on("data", (chunk) => {
    told += chunk;
    // Of a connection that stays open it waits for more.
    if (/^< HTTP\/1.1 101 /m.test(told)) child.kill();
  });
  await closed;
  return `${told.match(/^< (HTTP\/1.1 \d+) /m)?.[1]} ${body}`;
}

const HANDSHAKE = [
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  "Sec-WebSocket-Protocol: twinwire.0.json",
];

for (const path of ["/plain", "/ws"]) {
  const options = { skip: tool("curl").missing, timeout: LIMIT };
  test(`curl shakes hands at ${path}, and is told what is wrong with half a handshake`, options, async (t) => {
    assert.match(await curl(t, path, ...HANDSHAKE), /^HTTP\/1.1 101 /);
    assert.match(await curl(t, path, ...HANDSHAKE, "Content-Length: 0"), /^HTTP\/1.1 101 /);
    const half = await curl(t, path, ...HANDSHAKE.slice(0, 3));
    assert.match(half, /^HTTP\/1.1 400 .*Sec-WebSocket-Key is missing/s);
    assert.match(await curl(t, path), /^HTTP\/1.1 426 .*<h1>This is a WebSocket endpoint/s);
  });
}
