// Streams of the server.

import { Count, Stopped } from "../../build/test/suite.js";
import { equal, failure, ok } from "./check.mjs";

const ENDLESS = { to: 2 ** 32 - 1, fail: false };
const OVER = { done: true, value: undefined };

async function endless(platform, options) {
  const client = await platform.connect();
  const items = client.stream(Count, ENDLESS, options);
  equal(await items.next(), { done: false, value: 0 });
  return { client, items };
}

export const streams = {
  async "a stream gives its items, and its end or its error"(platform) {
    const client = await platform.connect();
    const heard = [];
    for await (const item of client.stream(Count, { to: 3_000, fail: false })) heard.push(item);
    equal(heard, Array.from({ length: 3_000 }, (_, number) => number));
    const items = client.stream(Count, { to: 1, fail: true });
    equal(await items.next(), { done: false, value: 0 });
    const error = await failure(items.next());
    equal([error.name, error.data], ["ApplicationError", "out of numbers"]);
    equal(await items.next(), OVER);
  },

  async "leaving its loop stops it"(platform) {
    const client = await platform.connect();
    for await (const item of client.stream(Count, ENDLESS)) {
      if (item === 5) break;
    }
    equal(await client.call(Stopped, {}), null);
  },

  async "returning it stops it, and ends who waits for an item"(platform) {
    const { client, items } = await endless(platform);
    const waiting = [];
    // More than are here: the last ones wait.
    for (let number = 0; number < 50_000; number += 1) waiting.push(items.next());
    equal(await items.return(), OVER);
    equal(await waiting.at(-1), OVER);
    equal(await items.next(), OVER);
    equal(await client.call(Stopped, {}), null);
  },

  async "aborting it stops it, and the next item is the signal's reason"(platform) {
    const controller = new AbortController();
    const { client, items } = await endless(platform, { signal: controller.signal });
    const reason = new Error("enough");
    controller.abort(reason);
    ok((await failure(items.next())) === reason, "its error is the reason");
    equal(await items.next(), OVER);
    equal(await client.call(Stopped, {}), null);
    const never = client.stream(Count, ENDLESS, { signal: controller.signal });
    ok((await failure(never.next())) === reason, "it doesn't begin");
    equal(await never.next(), OVER);
  },

  async "items go to who asks, in the order of asking"(platform) {
    const client = await platform.connect();
    const items = client.stream(Count, { to: 500, fail: false });
    const asked = Array.from({ length: 502 }, () => items.next());
    const heard = (await Promise.all(asked)).map(({ value }) => value);
    equal(heard, [...Array(500).keys(), undefined, undefined]);
  },

  async "a stream that nobody reads makes no other wait"(platform) {
    const { client } = await endless(platform);
    const heard = [];
    for await (const item of client.stream(Count, { to: 3_000, fail: false })) heard.push(item);
    equal(heard.length, 3_000);
  },
};
