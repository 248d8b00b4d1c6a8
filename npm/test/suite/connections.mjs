// How connections come about, break and end.

import { ConnectError } from "../../dist/public.js";
import { Add, AskMe, Count, Echo, Locate, Room } from "../../build/test/suite.js";
import { code, equal, failure, ok, queue, until } from "./check.mjs";

/** How often the connection breaks at least. */
const CUTS = 200;

/** Each of them twice: events and their echoes, what is published and heard. */
async function talk(client, first, echoes, lines, room) {
  const numbers = Array.from({ length: 10 }, (_, number) => `${first + number}`);
  const sent = numbers.map((text) => [client.send(Echo, { text }), client.publish(Room, room, text)]);
  equal(await client.call(Add, { left: BigInt(first), right: 1n }), BigInt(first) + 1n);
  for (const number of numbers) {
    equal((await echoes.next()).text, number, "the echo");
    equal((await lines.next()).value.item, number, "the line");
  }
  await Promise.all(sent.flat());
}

/** A call of the server's, a stream to its end, and one that is left before. */
async function ask(client, first) {
  const answer = client.call(AskMe, { whom: `${first}` });
  const items = [];
  for await (const item of client.stream(Count, { to: 5, fail: false })) items.push(item);
  equal(items, [0, 1, 2, 3, 4], "the stream");
  for await (const item of client.stream(Count, { to: 50, fail: false })) if (item === 2) break;
  equal(await answer, `"${first} is here"`, "the answer to the server");
}

export const connections = {
  async "a refused token says why"(platform) {
    const error = await failure(platform.connect({ token: "refuse me" }));
    ok(error instanceof ConnectError, `${error.stack}`);
    equal(error.code, "denied");
    ok(error.message.endsWith("as the test asked"), error.message);
  },

  async "an address that is no URL is an error at once"(platform) {
    for (const address of ["ftp://there", "ws://["]) {
      const error = await failure(platform.connect({}, address));
      equal([error.name, error.code, error.retry], ["ConnectError", "url", undefined], address);
      ok(error.message.includes(address), error.message);
    }
  },

  async "why an address refuses is told"(platform) {
    const refused = failure(platform.connect({ connectTimeout: 500 }, platform.url("/refused")));
    const { message, status } = await refused;
    equal(status, 403);
    ok(message.endsWith("Pages of this origin may not connect."), message);
  },

  async "what an address answers is told at the deadline"(platform) {
    const status = async (path) =>
      (await failure(platform.connect({ connectTimeout: 500 }, platform.url(path)))).status;
    equal(await Promise.all([status("/busy"), status("/elsewhere")]), [503, 404]);
  },

  async "a function gives the token, also a slow one"(platform) {
    const client = await platform.connect({
      token: () => new Promise((resolve) => setTimeout(resolve, 20, new Uint8Array([1]))),
    });
    equal(client.state.type, "open");
    const refused = await failure(platform.connect({ token: () => "refuse me" }));
    equal(refused.code, "denied");
    const without = await failure(platform.connect({ token: () => undefined, connectTimeout: 1_000 }));
    equal(without.code, "no_token");
  },

  async "states are told as they change"(platform) {
    const client = await platform.connect();
    const states = [client.state];
    client.addEventListener("statechange", () => states.push(client.state));
    equal(Object.keys(client.state), ["type", "session", "peer"]);
    ok((await client.ping()) < 30_000, "a ping in milliseconds");
    const end = await client.close();
    await until(client, "statechange", () => states.length > 1);
    equal(states.map(({ type }) => type), ["open", "closed"]);
    equal(states[1].end, end);
  },

  async "what was asked for before the goodbye is sent before it"(platform) {
    const [listener, client] = [await platform.connect(), await platform.connect()];
    const room = { name: `before the goodbye ${JSON.stringify(client.state)}` };
    const lines = listener.subscribe(Room, room);
    await lines.joined;
    const numbers = Array.from({ length: 100 }, (_, number) => `${number}`);
    for (const text of numbers) client.publish(Room, room, text).catch(() => {});
    const closed = client.close();
    equal(await code(client.publish(Room, room, "afterwards")), "closed");
    equal((await closed).code, "done");
    await listener.publish(Room, room, "the last");
    const heard = [];
    while (heard.at(-1) !== "the last") heard.push((await lines.next()).value.item);
    equal(heard, [...numbers, "the last"]);
  },

  async "a goodbye waits only so long for room"(platform) {
    const client = await platform.connect();
    client.pause();
    await until(client, "statechange", () => client.state.type === "paused");
    const text = "x".repeat(100_000);
    const sent = Array.from({ length: 1_000 }, () => code(client.send(Echo, { text })));
    equal((await client.close()).here, true);
    ok((await Promise.all(sent)).includes("closed"), "what waits in line ends");
  },

  async "a pause loses nothing"(platform) {
    const client = await platform.connect();
    const { session } = client.state;
    client.pause();
    await until(client, "statechange", () => client.state.type === "paused");
    const sent = client.send(Echo, { text: "meanwhile" });
    client.reconnectNow();
    await sent;
    await until(client, "statechange", () => client.state.type === "open");
    equal(client.state.session, session);
  },

  async "two hundred cuts lose nothing, double nothing and keep the order"(platform) {
    let loss;
    const client = await platform.connect({ onSessionReplaced: (_, why) => (loss = why) }, platform.breakingUrl);
    const room = { name: `cuts of ${JSON.stringify(client.state)}` };
    let cuts = 0;
    client.addEventListener("statechange", () => {
      if (client.state.type === "resuming" && client.state.wait > 0) {
        cuts += 1;
        client.reconnectNow();
      }
    });
    const echoes = queue();
    client.on(Echo, echoes.push);
    let answers = 0;
    client.handle(Locate, ({ whom }) => {
      answers += 1;
      return `${whom} is here`;
    });
    const lines = client.subscribe(Room, room);
    await lines.joined;
    let number = 0;
    for (; cuts < CUTS; number += 10) {
      await Promise.all([talk(client, number, echoes, lines, room), ask(client, number)]);
    }
    equal(answers, number / 10, "how often the server's calls were answered");
    equal(loss, undefined, "why the session was lost");
    ok(number * 3 > CUTS, `${number * 3} messages tell too little`);
    platform.tell(`${cuts} cuts, ${number * 3} messages: 0 lost, 0 doubled, 0 reordered`);
  },
};
