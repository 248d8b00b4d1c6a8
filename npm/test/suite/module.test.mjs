// The module's loading, where a test can be the server: in a process of its own, which has loaded none.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { test } from "node:test";

import { connectBy } from "../../dist/client.js";
import { load } from "../../dist/module.js";
import { kinds } from "../../build/test/suite.js";
import { listen } from "../../../e2e/npm/serve.mjs";
import { failure } from "./check.mjs";
import { place } from "./node.mjs";

const LIMIT = { timeout: 30_000 };

const file = await readFile(new URL("../../dist/core_bg.wasm", import.meta.url));
const TYPE = { "content-type": "application/wasm" };

const answers = {
  "/hangs": () => {},
  "/breaks": (response) => {
    response.writeHead(200, { ...TYPE, "content-length": file.length });
    response.write(file.subarray(0, 1000), () => response.destroy());
  },
  "/breaks-untyped": (response) => {
    response.writeHead(200, { "content-length": file.length });
    response.write(file.subarray(0, 1000), () => response.destroy());
  },
  "/there": (response) => response.writeHead(200, TYPE).end(file),
};

test("a module that can't be loaded says whether to try again, and the next source is tried", LIMIT, async (t) => {
  const server = createServer(({ url }, response) => {
    const does = answers[url] ?? (() => response.writeHead(Number(url.slice(1))).end());
    does(response);
  });
  const root = await listen(t, server);
  const from = (path) => load(() => new URL(path, root));
  for (const status of [500, 502, 503, 504, 408, 429]) {
    assert.equal((await failure(from(`/${status}`))).retry, 1_000, status);
  }
  for (const status of [404, 403]) assert.equal((await failure(from(`/${status}`))).retry, undefined, status);
  for (const path of ["/breaks", "/breaks-untyped"]) {
    const error = await failure(from(path));
    assert.deepEqual([error.code, error.retry], ["module", 1_000], `${path}: ${error.message}`);
  }
  const url = `ws://127.0.0.1:${place.wire}/ws`;
  const connect = (path, connectTimeout) =>
    connectBy((time) => load(() => new URL(path, root), time))(url, kinds, { connectTimeout, webSocket: place.webSocket });
  const error = await failure(connect("/hangs", 100));
  assert.deepEqual([error.name, error.code, error.retry], ["ConnectError", "module", 1_000]);
  const client = await connect("/there", 20_000);
  assert.equal((await client.close()).code, "done");
  // It is there for good.
  await load(() => assert.fail("it is loaded"), 0);
});
