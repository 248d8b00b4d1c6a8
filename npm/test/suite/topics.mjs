// Topics: publications, positions, and the server that puts its client into a room.

import { Bridge } from "../../dist/bridge.js";
import { PutMe, Room } from "../../build/test/suite.js";
import { code, equal, ok } from "./check.mjs";

const OVER = { done: true, value: undefined };

/** Cases run beside each other on one server: each has a room of its own. */
function room(of, client) {
  return { name: `${of} of ${client.state.session}` };
}

async function hear(lines) {
  const { value } = await lines.next();
  equal(value?.type, "item", "the update");
  return value.item;
}

async function publishAll(client, to, count) {
  for (let number = 0; number < count; number += 1) await client.publish(Room, to, `${number}`);
}

/** Numbers of the package: the id of the place in the line, what is settled, and the code of what never went. */
const [WRITABLE, SETTLED, NOT_RECEIVED] = [2, 0, 3];

export const topics = {
  async "a place to begin that is none is an error at once"(platform) {
    const client = await platform.connect();
    const epoch = "0123456789abcdef";
    const positions = [{ epoch: epoch.slice(2), offset: 1 }, { epoch: `${epoch}00`, offset: 1 }, { epoch: "no hexadecimal d", offset: 1 }];
    const offsets = [Number.NaN, 0, -1, 1.5, 2 ** 53, "1", undefined].map((offset) => ({ epoch, offset }));
    const others = [{ offset: 1 }, {}, null, "then", 5, { last: -1 }, { last: Number.NaN }];
    for (const from of [...positions, ...offsets, ...others]) {
      const subscribe = async () => client.subscribe(Room, { name: "positions" }, { from }).joined;
      equal(await code(subscribe()), "position", JSON.stringify(from));
    }
    const { joined } = client.subscribe(Room, { name: "positions" }, { from: { epoch, offset: 1 } });
    equal(await joined, "new_epoch");
  },

  async "a request that can't be begun holds up none behind it"(platform) {
    const bridge = new Bridge();
    const core = { poll: (id) => (id === WRITABLE ? bridge.hear(SETTLED, id) : undefined), writable() {}, free() {} };
    bridge.open(core, {});
    const heard = [];
    const add = (name) => bridge.add({ hear: (what, code) => heard.push([name, what, code]), wake() {} });
    bridge.start(add("first"), () => {
      throw new Error("it can't be begun");
    });
    bridge.start(add("second"), () => heard.push("begun"));
    equal(heard, [["first", SETTLED, NOT_RECEIVED], "begun"]);
    await platform.reported(["it can't be begun"]);
    bridge.close();
  },

  async "what is published is heard in one order"(platform) {
    const clients = [await platform.connect(), await platform.connect()];
    const key = room("order", clients[0]);
    const heard = clients.map((client) => client.subscribe(Room, key));
    for (const lines of heard) equal(await lines.joined, "begun");
    for (let number = 0; number < 100; number += 1) {
      equal(await clients[number % 2].publish(Room, key, `${number}`), number + 1);
    }
    for (const lines of heard) {
      for (let number = 0; number < 100; number += 1) equal(await hear(lines), `${number}`);
    }
  },

  async "who comes late hears what it asks for"(platform) {
    const client = await platform.connect();
    const key = room("late", client);
    await publishAll(client, key, 10);
    const last = client.subscribe(Room, key, { from: { last: 3 } });
    equal([await last.joined, await hear(last)], ["begun", "7"]);
    const { position } = last;
    await last.return();
    const lines = client.subscribe(Room, key, { from: position });
    equal([await lines.joined, await hear(lines), await hear(lines)], ["recovered", "8", "9"]);
    equal(lines.position.offset, position.offset + 2);
  },

  async "a log that has no more what is asked for says so"(platform) {
    const client = await platform.connect();
    const key = room("gap", client);
    await publishAll(client, key, 1);
    const first = client.subscribe(Room, key, { from: { last: 1 } });
    equal(await first.joined, "begun");
    const { epoch } = first.position;
    await first.return();
    const other = client.subscribe(Room, key, { from: { epoch: "00".repeat(epoch.length / 2), offset: 1 } });
    equal(await other.joined, "new_epoch");
    await other.return();
    for (let round = 0; round < 40; round += 1) {
      await Promise.all(Array.from({ length: 50 }, (_, number) => client.publish(Room, key, `${number}`)));
    }
    const late = client.subscribe(Room, key, { from: { epoch, offset: 1 } });
    equal(await late.joined, "gap");
  },

  async "the application says who may publish, and who may hear"(platform) {
    const client = await platform.connect();
    const news = { name: "news" };
    const lines = client.subscribe(Room, news);
    equal(await lines.joined, "begun");
    equal(await code(client.publish(Room, news, "fake")), "denied");
    const inside = client.subscribe(Room, { name: "private" });
    equal(await code(inside.joined), "denied");
    equal(await code(inside.next()), "denied");
    equal(await inside.next(), OVER);
  },

  async "handles share a subscription, until the last is left"(platform) {
    const client = await platform.connect();
    const key = room("shared", client);
    const first = client.subscribe(Room, key);
    equal(await first.joined, "begun");
    const second = client.subscribe(Room, key);
    equal(await second.joined, "begun");
    const third = client.subscribe(Room, key, { from: { last: 5 } });
    equal(await third.joined, "shared");
    await third.return();
    for (const text of ["one", "two"]) await client.publish(Room, key, text);
    equal(await hear(first), "one");
    await first.return();
    equal([await hear(second), await hear(second)], ["one", "two"]);
  },

  async "what was asked for before the end still goes out"(platform) {
    const listener = await platform.connect();
    const key = room("end", listener);
    const lines = listener.subscribe(Room, key);
    equal(await lines.joined, "begun");
    const speaker = await platform.connect();
    void speaker.publish(Room, key, "closed").catch(() => {});
    await speaker.close();
    equal(await hear(lines), "closed");
  },

  async "who subscribes again at once hears what comes"(platform) {
    const client = await platform.connect();
    const key = room("again", client);
    for (let number = 0; number < 20; number += 1) {
      const left = client.subscribe(Room, key);
      if (number % 2 === 0) await client.ping();
      await left.return();
      const lines = client.subscribe(Room, key);
      await lines.joined;
      await client.publish(Room, key, `${number}`);
      equal(await hear(lines), `${number}`);
      await lines.return();
    }
  },

  async "the server puts its client into a room and out of it"(platform) {
    const client = await platform.connect();
    const key = room("private", client);
    const put = (inside) => client.call(PutMe, { room: key, inside });
    const byItself = () => code(client.subscribe(Room, key).joined);
    equal(await byItself(), "denied");
    equal(await code(put(true)), "application");
    equal(await byItself(), "denied");

    const invitations = client.invitations(Room);
    await put(true);
    const { value: invitation } = await invitations.next();
    equal(invitation.key, key);
    const lines = invitation.subscription;
    equal([await lines.joined, await hear(lines)], ["recovered", "true"]);
    const again = client.subscribe(Room, key);
    equal(await again.joined, "begun");
    await put(false);
    equal([await lines.next(), await again.next()], [OVER, OVER]);
    equal(await byItself(), "denied");

    // An invitation that is taken too late.
    await put(true);
    await put(false);
    const { value: late } = await invitations.next();
    equal(await code(late.subscription.joined), "denied");
    const waits = invitations.next();
    await client.close();
    equal([await waits, await invitations.next()], [OVER, OVER]);
  },

  async "a subscription that is aborted ends"(platform) {
    const client = await platform.connect();
    const controller = new AbortController();
    const key = room("aborted", client);
    const lines = client.subscribe(Room, key, { signal: controller.signal });
    equal(await lines.joined, "begun");
    const waits = lines.next();
    const reason = new Error("enough");
    controller.abort(reason);
    ok((await waits.catch((error) => error)) === reason, "its error is the reason");
    equal(await lines.next(), OVER);
    const never = client.subscribe(Room, key, { signal: controller.signal });
    ok((await never.joined.catch((error) => error)) === reason, "it doesn't begin");
  },
};
