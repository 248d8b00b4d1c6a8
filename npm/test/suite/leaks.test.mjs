// What clients leave behind in the module's memory, and what becomes of what is only forgotten.

import assert from "node:assert/strict";
import { test } from "node:test";
import { getEventListeners } from "node:events";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

import { Add, Count, Echo, Hang, Room, Stopped } from "../../build/test/suite.js";
import { place } from "./node.mjs";
import { Platform } from "./platform.mjs";

setFlagsFromString("--expose-gc");
const gc = runInNewContext("gc");

const LIMIT = { timeout: 120_000 };

/** How often everything is done, in two halves. Few run beside each other: of many the most memory at once varies. */
const TIMES = 20_000;
const BESIDE = 5;

/** The most bytes that the second half may add to the module's memory. */
const MOST = 64 * 1024;

const ENDLESS = { to: 2 ** 32 - 1, fail: false };

async function half(times, use) {
  for (let round = 0; round < times; round += BESIDE) {
    await Promise.all(Array.from({ length: BESIDE }, (_, number) => use(round + number)));
  }
}

/** Tests that doing something often adds nothing. */
function often(name, times, use) {
  test(`of ${times} ${name} the second half adds nothing`, LIMIT, async () => {
    const platform = new Platform(place);
    try {
      const client = await platform.connect();
      const { memory } = await platform.load();
      const run = () => half(times / 2, (number) => use(client, number, platform));
      await run();
      const before = memory.buffer.byteLength;
      await run();
      const added = memory.buffer.byteLength - before;
      assert.ok(added <= MOST, `${added} bytes more`);
      console.log(`figures: ${times} ${name}: ${added} bytes more after the half`);
    } finally {
      await platform.end();
    }
  });
}

const uses = [
  (client) => client.call(Add, { left: 1n, right: 1n }),
  (client) => {
    const controller = new AbortController();
    const call = client.call(Hang, {}, { signal: controller.signal });
    controller.abort();
    return call.catch(() => {});
  },
  async (client) => {
    const off = client.on(Echo, () => {});
    await client.send(Echo, { text: "x".repeat(100) });
    off();
  },
  async (client) => {
    // Of an endless one as much comes as the window holds, or less: the most memory at once would vary.
    const items = client.stream(Count, { to: 1_000, fail: false });
    await items.next();
    await items.return();
  },
  async (client, number) => {
    const lines = client.subscribe(Room, { name: `leaks ${number % (BESIDE * 5)}` });
    await lines.joined;
    await lines.return();
  },
];

often("calls, events, streams and subscriptions", TIMES, (client, number) => uses[number % uses.length](client, number));

often("clients", 400, async (_, __, platform) => {
  const client = await platform.connect();
  await client.call(Add, { left: 1n, right: 1n });
  await client.close();
});

/** Collects until something has happened. */
async function collectUntil(happened) {
  let isOver = false;
  void happened.finally(() => (isOver = true));
  while (!isOver) {
    gc();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

test("a stream that is only forgotten is given up when it is collected", LIMIT, async () => {
  const platform = new Platform(place);
  try {
    const client = await platform.connect();
    await (async () => {
      const items = client.stream(Count, ENDLESS);
      await items.next();
    })();
    await collectUntil(client.call(Stopped, {}));
    const { position, joined } = client.subscribe(Room, { name: "held by its promise" });
    assert.equal(position, undefined);
    gc();
    assert.equal(await joined, "begun");
  } finally {
    await platform.end();
  }
});

test("what has ended, or is collected, leaves no listener at a signal", LIMIT, async () => {
  const platform = new Platform(place);
  try {
    const client = await platform.connect();
    const { signal } = new AbortController();
    const listeners = () => getEventListeners(signal, "abort").length;
    client.on(Echo, () => {}, { signal })();
    await client.call(Add, { left: 1n, right: 1n }, { signal });
    await client.subscribe(Room, { name: "a signal's" }, { signal }).return();
    assert.equal(listeners(), 0);
    await (async () => {
      await client.stream(Count, ENDLESS, { signal }).next();
    })();
    await collectUntil(client.call(Stopped, {}));
    assert.equal(listeners(), 0);
    client.on(Echo, () => {}, { signal });
    client.subscribe(Room, { name: "a signal's" }, { signal });
    await client.close();
    while (listeners() > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  } finally {
    await platform.end();
  }
});

test("a client that is only forgotten is closed, and one that is in use isn't", LIMIT, async () => {
  const platform = new Platform(place);
  const connect = (options = {}) => platform.connect(options, undefined, undefined, false);
  const ends = new FinalizationRegistry((end) => end());
  let lines;
  let heard;
  const forgotten = new Promise((resolve) => {
    class Watched extends place.webSocket {
      constructor(...of) {
        super(...of);
        this.addEventListener("close", ({ code }) => resolve(code));
      }
    }
    void connect({ webSocket: Watched });
  });
  let isCollected = false;
  let whenCollected = () => {};
  let whenAllCollected = () => {};
  const asked = [];
  let left = 2;
  await (async () => {
    const client = await connect();
    ends.register(client, () => {
      isCollected = true;
      whenCollected();
    });
    lines = client.subscribe(Room, { name: "in use" });
    await lines.joined;
    const listening = await connect();
    ends.register(listening, () => (isCollected = true));
    // Nobody holds these two but what they are asked for.
    for (const ask of [(client) => client.addEventListener("statechange", () => {}), (client) => void client.closed]) {
      const client = await connect();
      ends.register(client, () => {
        isCollected = true;
        if ((left -= 1) === 0) whenAllCollected();
      });
      ask(client);
      asked.push(new WeakRef(client));
    }
    heard = new Promise((resolve) => listening.on(Echo, () => resolve(listening)));
    await listening.send(Echo, { text: "" });
  })();
  await collectUntil(forgotten);
  const speaker = await platform.connect();
  await speaker.publish(Room, { name: "in use" }, "still there");
  assert.equal((await lines.next()).value.item, "still there");
  await (await heard).close();
  assert.equal(isCollected, false);
  const collected = new Promise((resolve) => (whenAllCollected = resolve));
  for (const client of asked) await client.deref().close();
  await collectUntil(collected);
  await platform.end();
  lines = undefined;
  await collectUntil(new Promise((resolve) => (whenCollected = resolve)));
});
