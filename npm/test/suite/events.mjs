// Events in both directions.

import { Add, Echo, Notice, Notify } from "../../build/test/suite.js";
import { code, equal, failure, ok, queue } from "./check.mjs";

export const events = {
  async "events come back in order, and their promises say that they have arrived"(platform) {
    const client = await platform.connect();
    const echoes = queue();
    const off = client.on(Echo, echoes.push);
    const numbers = Array.from({ length: 200 }, (_, number) => `${number}`);
    const receipts = numbers.map((text) => client.send(Echo, { text }));
    for (const text of numbers) equal(await echoes.next(), { text });
    equal(await Promise.all(receipts), numbers.map(() => undefined));
    off();
    off();
    await client.send(Echo, { text: "to nobody" });
    equal(await client.call(Add, { left: 1n, right: 1n }), 2n);
  },

  async "a listener hears ten thousand events in order"(platform) {
    const client = await platform.connect();
    const heard = queue();
    client.on(Notice, ({ number }) => heard.push(number));
    await client.call(Notify, { notices: 10_000 });
    for (let number = 0; number < 10_000; number += 1) equal(await heard.next(), number);
  },

  async "of events without a listener 64 wait, and the others are counted"(platform) {
    const client = await platform.connect();
    equal(client.droppedEvents, 0);
    await client.call(Notify, { notices: 100 });
    // The events may come after the reply.
    while (client.droppedEvents < 36) await client.ping();
    const heard = queue();
    client.on(Notice, ({ number }) => heard.push(number));
    const first = await heard.next();
    for (let number = first + 1; number < first + 64; number += 1) equal(await heard.next(), number);
    equal(client.droppedEvents, 36);
  },

  async "an event that the server doesn't take errs at once"(platform) {
    const client = await platform.connect();
    equal(await code(client.send(Notice, { number: 1 })), "unknown_kind");
    equal(await code(client.send(Echo, { text: "x".repeat(300_000) })), "too_large");
    equal(await client.call(Add, { left: 1n, right: 1n }), 2n);
  },

  async "of events with one key the newest arrives"(platform) {
    const client = await platform.connect();
    const echoes = queue();
    client.on(Echo, echoes.push);
    const text = "x".repeat(1000);
    for (let number = 0; number < 2_000; number += 1) {
      void client.send(Echo, { text: `${number} ${text}` }, { latest: "cursor" });
    }
    let last = -1;
    while (last < 1_999) {
      const number = Number.parseInt((await echoes.next()).text, 10);
      ok(number > last, `${number} after ${last}`);
      last = number;
    }
  },

  async "an event that is taken back while it waits in line isn't sent"(platform) {
    const client = await platform.connect();
    const echoes = queue();
    client.on(Echo, echoes.push);
    const controller = new AbortController();
    const numbers = Array.from({ length: 50 }, (_, number) => `${number}`);
    for (const text of numbers) void client.send(Echo, { text });
    const last = failure(client.send(Echo, { text: "taken back" }, { signal: controller.signal }));
    controller.abort();
    equal((await last).name, "AbortError");
    await client.send(Echo, { text: "the next" });
    for (const text of [...numbers, "the next"]) equal(await echoes.next(), { text });
  },

  async "an event that nobody awaits is no unhandled rejection, whatever becomes of it"(platform) {
    const client = await platform.connect();
    const before = platform.reports.length;
    const { signal } = new AbortController();
    void client.send(Echo, { text: 1n });
    void client.send({ ...Echo, name: "None" }, { text: "" });
    void client.send(Echo, { text: "" }, { signal: AbortSignal.abort() });
    void client.send(Echo, { text: "x".repeat(300_000) });
    void client.send(Notice, { number: 1 }, { signal });
    // Node tells of such rejections once the turn is over.
    await client.ping();
    await new Promise((resolve) => setTimeout(resolve));
    equal(platform.reports.slice(before), []);
  },

  async "an aborted listener hears nothing more"(platform) {
    const client = await platform.connect();
    const controller = new AbortController();
    const [aborted, other] = [queue(), queue()];
    client.on(Echo, aborted.push, { signal: controller.signal });
    client.on(Echo, other.push);
    await client.send(Echo, { text: "one" });
    equal([await aborted.next(), await other.next()], [{ text: "one" }, { text: "one" }]);
    controller.abort();
    client.on(Echo, aborted.push, { signal: controller.signal });
    await client.send(Echo, { text: "two" });
    equal(await other.next(), { text: "two" });
    aborted.push("nothing");
    equal(await aborted.next(), "nothing");
    ok((await failure(client.send(Echo, { text: "" }, { signal: AbortSignal.abort() }))).name === "AbortError", "it isn't sent");
  },
};
