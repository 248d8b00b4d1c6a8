// What applications do wrong, and servers: an error each time, and everything else goes on.

import { ApplicationError } from "../../dist/public.js";
import { Add, AskMe, Count, Echo, Hang, Locate, Notice, PutMe, Room, kinds } from "../../build/test/suite.js";
import { code, equal, failure, ok, queue, until } from "./check.mjs";

const OVER = { done: true, value: undefined };

async function works(client) {
  equal(await client.call(Add, { left: 1n, right: 1n }), 2n);
}

/** Kinds as a wrong program has them: no codec checks what is sent. */
const bare = ({ codec, ...kind }) => kind;

const cycle = {};
cycle.cycle = cycle;

export const faults = {
  async "what JSON can't hold is an error before anything is sent"(platform) {
    const client = await platform.connect();
    for (const value of [undefined, () => 1, Symbol("no"), cycle, { left: 1n }]) {
      const error = await failure(client.call(bare(Add), value));
      equal([error.name, error.code], ["TwinwireError", "unwritable"]);
      equal(await code(client.send(Echo, value)), "unwritable");
      equal(await code(client.publish(Room, value, "text")), "unwritable");
      equal(await code(client.publish(Room, { name: "faults" }, value)), "unwritable");
      equal(await code((async () => client.stream(Count, value))()), "unwritable");
      equal(await code((async () => client.subscribe(Room, value))()), "unwritable");
    }
    for (const nothing of [Number.NaN, Number.POSITIVE_INFINITY, [undefined], [,], [() => 1], { deep: [{ x: -Infinity }] }]) {
      equal(await code(client.call(bare(Add), nothing)), "unwritable", String(nothing));
      equal(await code(client.publish(Room, { name: "faults" }, nothing)), "unwritable", String(nothing));
    }
    equal(await code(client.call(bare(Add), { left: null, right: "null" })), "undecodable");
    const throws = { toJSON: () => { throw new Error("never"); } };
    const error = await failure(client.send(Echo, throws));
    equal([error.code, error.cause.message], ["unwritable", "never"]);
    await works(client);
  },

  async "a payload that is too large to send costs the module no memory"(platform) {
    const client = await platform.connect();
    const { memory } = await platform.load();
    const text = "x".repeat(17 * 1024 * 1024);
    const before = memory.buffer.byteLength;
    equal(await code(client.call(bare(Add), text)), "too_large_to_send");
    equal(await code(client.send(Echo, { text })), "too_large_to_send");
    equal(await code(client.publish(Room, { name: "faults" }, text)), "too_large_to_send");
    equal(await code((async () => client.stream(Count, text))()), "too_large_to_send");
    equal(await code((async () => client.subscribe(Room, text))()), "too_large_to_send");
    equal(memory.buffer.byteLength, before, "the module's memory");
    await works(client);
  },

  async "a payload that isn't of its type is refused"(platform) {
    const client = await platform.connect();
    for (const value of [null, 5, "text", [], {}, { left: 1, right: "x" }]) {
      equal(await code(client.call(bare(Add), value)), "undecodable");
    }
    equal(await code(client.call(AskMe, { whom: "\ud800" })), "undecodable");
    equal(await code(client.stream(Count, { to: -1, fail: false }).next()), "undecodable");
    equal(await code(client.subscribe(Room, { nam: "x" }).joined), "undecodable");
    equal(await code(client.publish(Room, { name: "faults" }, 5)), "undecodable");
    await works(client);
  },

  async "a reply that isn't of its type is an error that says so"(platform) {
    const client = await platform.connect();
    const never = () => { throw new TypeError("not mine"); };
    const codec = { ...Add.codec, reply: { decode: never }, error: { decode: never } };
    const error = await failure(client.call({ ...Add, codec }, { left: 1n, right: 1n }));
    equal([error.code, error.cause.message], ["unreadable", "not mine"]);
    equal(await code(client.call({ ...Add, codec }, { left: 2n ** 64n - 1n, right: 1n })), "unreadable");
    const items = { item: { decode: never }, error: { decode: never } };
    const stream = client.stream({ ...Count, codec: items }, { to: 2, fail: true });
    equal([await code(stream.next()), await code(stream.next()), await code(stream.next())], Array(3).fill("unreadable"));
    equal(await stream.next(), OVER);
    await works(client);
  },

  async "kinds that the client wasn't connected with are an error"(platform) {
    const client = await platform.connect({}, platform.url(), [Add]);
    equal(await code(client.call(Hang, {})), "undeclared");
    equal(await code(client.send(Echo, { text: "" })), "undeclared");
    for (const use of ["stream", "subscribe", "on", "handle", "invitations"]) {
      equal(await code((async () => client[use]({ ...Hang, name: "None" }, {}))()), "undeclared", use);
    }
    // Of another class.
    equal(await code(client.send(Add, { left: 1n, right: 1n })), "undeclared");
    for (const use of ["on", "invitations", "stream", "subscribe"]) {
      equal(await code((async () => client[use](Add, { left: 1n, right: 1n }))()), "undeclared", use);
    }
    await works(client);
  },

  async "kinds that can't be declared are an error"(platform) {
    const wrong = [[Add, Add], [{ ...Add, class: "none" }], [{ ...Add, fingerprint: "12" }]];
    for (const of of wrong) {
      equal(await code(platform.connect({}, platform.url(), of)), "kinds");
    }
  },

  async "times that are no durations are no end"(platform) {
    for (const time of [Number.POSITIVE_INFINITY, Number.MAX_VALUE, 2 ** 31, 2 ** 53]) {
      const times = { connectTimeout: time, callTimeout: time, maxBackoff: time };
      const client = await platform.connect(times);
      await works(client);
      client.pause();
      await until(client, "statechange", () => client.state.type === "paused");
      client.reconnectNow();
      await works(client);
      await client.close();
    }
    for (const connectTimeout of [0, -1, Number.NaN]) {
      equal(await code(platform.connect({ connectTimeout })), "timed_out");
    }
  },

  async "a listener that throws is reported, and hears what follows"(platform) {
    const client = await platform.connect();
    const echoes = queue();
    client.on(Echo, (echo) => {
      echoes.push(echo);
      throw new Error("the listener's");
    });
    const thrown = [];
    const closed = new Promise((resolve) => {
      client.addEventListener("statechange", () => {
        thrown.push("the state's");
        if (client.state.type === "closed") resolve();
        throw new Error("the state's");
      });
    });
    for (const text of ["one", "two"]) {
      await client.send(Echo, { text });
      equal(await echoes.next(), { text });
    }
    client.pause();
    await until(client, "statechange", () => client.state.type === "paused");
    client.reconnectNow();
    await works(client);
    await client.close();
    await closed;
    await platform.reported(["the listener's", "the listener's", ...thrown]);
  },

  async "a handler that throws is reported, and answers the next call"(platform) {
    const client = await platform.connect();
    const ask = (whom) => client.call(AskMe, { whom });
    client.handle(Locate, ({ whom }) => {
      switch (whom) {
        case "throws":
          throw new Error("the handler's");
        case "rejects":
          return Promise.reject(undefined);
        case "cycle":
          return cycle;
        case "errs with a cycle":
          throw new ApplicationError(cycle);
        case "another type":
          return 5;
        case "forwards":
          // Its error is text, as this kind's, and not meant for the server.
          return client.call(PutMe, { room: { name: "private" }, inside: true });
        default:
          return whom;
      }
    });
    equal(await ask("throws"), "refused Panicked");
    equal(await ask("rejects"), "refused Panicked");
    equal(await ask("cycle"), "refused Panicked");
    equal(await ask("errs with a cycle"), "refused Panicked");
    ok(/Undecodable|Unknown|Decode/.test(await ask("another type")), "an error of the server's");
    equal(await ask("forwards"), "refused Panicked");
    equal(await ask("Ada"), '"Ada"');
    const unwritable = "what is to be sent as Locate can't be written as JSON";
    await platform.reported(["the handler's", "undefined", unwritable, unwritable, "PutMe was answered with an error"]);
  },

  async "requests may be made wherever the application runs"(platform) {
    const client = await platform.connect();
    const sums = queue();
    const add = () => client.call(Add, { left: 1n, right: 1n }).then(sums.push, sums.push);
    const off = client.on(Echo, () => {
      off();
      void add();
    });
    client.addEventListener("statechange", add, { once: true });
    client.handle(Locate, async (_, { signal }) => {
      signal.addEventListener("abort", add);
      controller.abort();
      await new Promise(() => {});
    });
    const controller = new AbortController();
    controller.signal.addEventListener("abort", add);
    await client.send(Echo, { text: "" });
    await client.send(Echo, { text: "" });
    await failure(client.call(AskMe, { whom: "" }, { signal: controller.signal }));
    client.pause();
    client.reconnectNow();
    for (let time = 0; time < 4; time += 1) equal(await sums.next(), 2n);
  },

  async "closing inside a listener ends everything"(platform) {
    const client = await platform.connect();
    const hang = failure(client.call(Hang, {}));
    const lines = client.subscribe(Room, { name: "closing" });
    await lines.joined;
    const items = client.stream(Count, { to: 2 ** 32 - 1, fail: false });
    await items.next();
    const never = lines.next();
    client.on(Echo, () => client.close());
    await client.send(Echo, { text: "" }).catch(() => {});
    equal((await client.closed).code, "done");
    equal(["unknown", "not_received"].includes((await hang).code), true);
    equal(await never, OVER);
    let last;
    for (;;) {
      last = await items.next().catch((error) => error);
      if (last.done || last instanceof Error) break;
    }
    equal(await items.next(), OVER);
  },

  async "closing twice, and while connecting, ends it once"(platform) {
    const client = await platform.connect();
    const ends = await Promise.all([client.close(), client.close(), client.closed]);
    equal(ends.map((end) => end.code), ["done", "done", "done"]);
    let early;
    const error = await failure(
      platform.connect({
        register: (client) => {
          early = client;
          void client.close();
        },
      }),
    );
    equal(error.name, "ConnectError");
    equal((await early.closed).here, true);
    equal((await early.close()).here, true);
    equal(await code(early.call(Add, { left: 1n, right: 1n })), "closed");
  },

  async "what is registered may be wrong, and what it throws is the connection's error"(platform) {
    let early;
    const register = (client) => {
      early = client;
      client.handle(Locate, () => "here");
      throw new Error("the application's");
    };
    const error = await failure(platform.connect({ register }));
    equal(error.message, "the application's");
    equal((await early.closed).here, true);
    equal(await code(early.call(Hang, {})), "closed");
  },

  async "whatever a closed client is asked for is over"(platform) {
    const client = await platform.connect();
    await client.close();
    for (let turn = 0; turn < 2; turn += 1) {
      equal(await code(client.call(Hang, {})), "closed");
      equal(await code(client.send(Echo, { text: "" })), "closed");
      equal(await code(client.publish(Room, { name: "x" }, "")), "closed");
      equal(await code(client.ping()), "closed");
      equal(await code(client.stream(Count, { to: 1, fail: false }).next()), "closed");
      const lines = client.subscribe(Room, { name: "x" });
      equal([await code(lines.joined), await code(lines.next()), await lines.next()], ["closed", "closed", OVER]);
      equal(await client.invitations(Room).next(), OVER);
      client.on(Notice, () => {})();
      client.handle(Locate, () => "here");
      client.pause();
      client.reconnectNow();
      equal((await client.close()).code, "done");
      // Once right after the end, and once when the module has let go.
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  },

  async "a token's function that throws, or gives nothing of use, is an attempt in vain"(platform) {
    const tokens = [
      [() => { throw new Error("the token's"); }, "the token's"],
      [() => Promise.reject(new Error("the token's")), "the token's"],
      [() => null, "a token is a string or a Uint8Array: look at what is given as `token`"],
      [() => 5, "a token is a string or a Uint8Array: look at what is given as `token`"],
      [() => ({}), "a token is a string or a Uint8Array: look at what is given as `token`"],
      [() => undefined, undefined],
    ];
    const before = platform.reports.length;
    for (const [token, why] of tokens) {
      const error = await failure(platform.connect({ token, connectTimeout: 1_000 }));
      equal([error.code, error.cause?.message], ["no_token", why], String(token));
    }
    const slow = platform.connect({ token: () => new Promise(() => {}), connectTimeout: 100 });
    ok(["timed_out", "no_token"].includes(await code(slow)), "it ends");
    equal(platform.reports.slice(before), []);
  },

  async "an iterator that nobody reads, or that is left while it is read, holds nothing up"(platform) {
    const client = await platform.connect();
    const items = client.stream(Count, { to: 2 ** 32 - 1, fail: false });
    const left = items.next();
    await items.return();
    const { value } = await left;
    ok(value === 0 || value === undefined, "an item or the end");
    equal(await items.next(), OVER);
    equal(await items.return(), OVER);
    const lines = client.subscribe(Room, { name: "unread" });
    await lines.joined;
    for (let number = 0; number < 300; number += 1) await client.publish(Room, { name: "unread" }, "x".repeat(1_000));
    await works(client);
    equal((await lines.next()).value.type, "item");
  },

  async "one client's troubles are no other's"(platform) {
    const other = await platform.connect();
    const client = await platform.connect({}, platform.url(), kinds);
    client.on(Echo, () => {
      throw new Error("the listener's");
    });
    await client.send(Echo, { text: "" });
    await platform.reported(["the listener's"]);
    await client.close();
    await works(other);
  },
};
