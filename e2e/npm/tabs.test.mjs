// What holds among tabs that share a connection: who answers, whose functions run, and what becomes of a tab's part.
import assert from "node:assert/strict";
import { before } from "node:test";

import { startNetwork } from "../lib/network.mjs";
import { BROKEN, KILLED, kill } from "../lib/page.mjs";
import { story } from "../lib/story.mjs";
import { install } from "./installed.mjs";
import { add, at, joins, look, openTabs, prepare, startEndpoint } from "./tabs.mjs";

let folder;
before(async () => {
  folder = await prepare(await install());
});

/** Opens two tabs that share a connection to an endpoint of their own. */
async function openTwo(t, wish) {
  const endpoint = await startEndpoint(t);
  const { tabs, another } = await openTabs(t, folder, 2, wish);
  const [ada, bob] = tabs;
  const url = at(endpoint);
  const states = [await joins(ada, url), await joins(bob, url)];
  assert.deepEqual(states[1], states[0]);
  return { ada, bob, url, another, session: states[0].session };
}

/** Has the tab's client ask the server, which asks back. */
const ask = (tab) => tab.evaluate(() => client.call(suite.AskMe, { whom: "x" }));

const handles = (tab, name) => tab.evaluate((name) => client.handle(suite.Locate, () => name), name);

/** Has the tab take the server's calls and never answer; `window.asked` is set once there is one. */
const hangs = (tab) =>
  tab.evaluate(() => {
    client.handle(suite.Locate, () => {
      window.asked = true;
      return new Promise(() => {});
    });
  });

story("one tab closes, and the other goes on; the connection ends with the last", async (t) => {
  const { ada, bob, url, session } = await openTwo(t);
  const hang = ada.evaluate(() => client.call(suite.Hang, {}).catch(({ name, code }) => [name, code]));
  await ada.evaluate(() => client.ping());
  const end = await ada.evaluate(() => client.close());
  assert.deepEqual([end.code, end.here], ["done", true]);
  assert.deepEqual(await hang, ["TwinwireError", "unknown"]);
  assert.equal(await ada.evaluate(() => client.call(suite.Hang, {}).catch(({ code }) => code)), "closed");
  assert.equal(await add(bob), 2n);
  assert.equal((await joins(ada, url)).session, session);
  await ada.evaluate(() => client.close());
  await bob.evaluate(() => client.close());
  assert.notEqual((await joins(bob, url)).session, session);
});

story("what a tab asked for before it closes goes out", async (t) => {
  const { ada, bob } = await openTwo(t);
  await bob.evaluate(async () => {
    window.notices = 0;
    client.on(suite.Notice, () => (notices += 1));
    window.room = client.subscribe(suite.Room, { name: "last words" });
    await room.joined;
  });
  await ada.evaluate(async () => {
    for (let number = 0; number < 50; number += 1) {
      client.publish(suite.Room, { name: "last words" }, `${number}`).catch(() => {});
      // The server sends one for each.
      client.call(suite.Notify, { notices: 1 }).catch(() => {});
    }
    await client.close();
  });
  const heard = await bob.evaluate(async () => {
    const heard = [];
    while (heard.length < 50) heard.push((await room.next()).value.item);
    return heard;
  });
  assert.deepEqual(heard, heard.map((_, number) => `${number}`));
  await bob.waitForFunction(() => notices === 50);
});

story("cuts while both tabs are busy lose nothing and double nothing, and all events reach both", async (t) => {
  const MOST = 300;
  const network = await startNetwork(t, await startEndpoint(t));
  const { tabs } = await openTabs(t, folder, 2, { expected: BROKEN });
  for (const tab of tabs) {
    await joins(tab, at(network));
    await tab.evaluate(async () => {
      Object.assign(window, { echoes: [], lines: [] });
      client.on(suite.Echo, ({ text }) => echoes.push(text));
      const room = client.subscribe(suite.Room, { name: "busy" });
      await room.joined;
      void (async () => {
        for await (const update of room) lines.push(update.item ?? update.type);
      })();
    });
  }
  const talk = ([who, most]) => {
    const sent = Array.from({ length: most }, async (_, number) => {
      await new Promise((resolve) => setTimeout(resolve, number));
      await client.send(suite.Echo, { text: `${who} ${number}` });
      await client.publish(suite.Room, { name: "busy" }, `${who} ${number}`);
      await client.call(suite.Add, { left: 1n, right: 1n });
    });
    return Promise.all(sent).then((done) => done.length);
  };
  const talking = tabs.map((tab, who) => tab.evaluate(talk, [who, MOST]));
  for (let cut = 1; cut <= 5; cut += 1) {
    await tabs[0].waitForFunction((least) => echoes.length > least, cut * MOST / 5);
    network.cut();
  }
  assert.deepEqual(await Promise.all(talking), [MOST, MOST]);
  const said = [0, 1].flatMap((who) => Array.from({ length: MOST }, (_, number) => `${who} ${number}`)).sort();
  const [first, second] = await Promise.all(
    tabs.map(async (tab) => {
      await tab.waitForFunction((most) => echoes.length >= most && lines.length >= most, 2 * MOST);
      return tab.evaluate(() => ({ echoes, lines }));
    }),
  );
  assert.deepEqual(first.echoes.toSorted(), said);
  assert.deepEqual(first.lines.toSorted(), said);
  assert.deepEqual(second, first);
});

story("the tab in front answers the server's calls, and one that goes meanwhile leaves no call hanging", async (t) => {
  const { ada, bob, url, another } = await openTwo(t, { expected: [KILLED] });
  await handles(ada, "Ada");
  await handles(bob, "Bob");
  assert.equal(await ask(ada), '"Bob"');
  await look(ada);
  assert.equal(await ask(bob), '"Ada"');
  await look(bob);
  await hangs(bob);
  const asking = ask(ada);
  await bob.waitForFunction(() => window.asked);
  await kill(bob);
  assert.equal(await asking, "refused Gone");
  assert.equal(await ask(ada), '"Ada"');
  const carol = await another();
  await joins(carol, url);
  await ada.evaluate(() => client.close());
  assert.equal(await ask(carol), "refused NoHandler");
});

story("a tab that dies takes its streams with it, and no other's", async (t) => {
  const { ada, bob } = await openTwo(t, { expected: [KILLED] });
  const begin = async () => {
    window.items = client.stream(suite.Count, { to: 2 ** 32 - 1, fail: false });
    return (await items.next()).value;
  };
  assert.deepEqual([await ada.evaluate(begin), await bob.evaluate(begin)], [0, 0]);
  await kill(bob);
  assert.equal(await ada.evaluate(() => client.call(suite.Stopped, {})), null);
  assert.equal(await ada.evaluate(async () => (await items.next()).value), 1);
});

story("the tab in front gets an invitation, and the next one what it hasn't taken", async (t) => {
  const { ada, bob } = await openTwo(t, { expected: [KILLED] });
  const takes = () => void (window.invitations = client.invitations(suite.Room));
  const put = (tab, name) => tab.evaluate((name) => client.call(suite.PutMe, { room: { name }, inside: true }), name);
  const next = () =>
    invitations.next().then(async ({ value: { key, subscription } }) => {
      const { value } = await subscription.next();
      return [key.name, value.item];
    });
  await ada.evaluate(takes);
  await bob.evaluate(takes);
  await put(ada, "first");
  assert.deepEqual(await bob.evaluate(next), ["first", "true"]);
  await look(ada);
  await put(bob, "second");
  assert.deepEqual(await ada.evaluate(next), ["second", "true"]);
  await look(bob);
  await put(ada, "third");
  await kill(bob);
  assert.deepEqual(await ada.evaluate(next), ["third", "true"]);
});

story("a tab that reads no stream holds up that stream alone, of which no more comes than it may hold", async (t) => {
  const { ada, bob } = await openTwo(t);
  const first = await ada.evaluate(async () => {
    window.items = client.stream(suite.Count, { to: 5_000, fail: false });
    return (await items.next()).value;
  });
  assert.equal(first, 0);
  const counted = await bob.evaluate(async () => {
    let counted = 0;
    for await (const number of client.stream(suite.Count, { to: 5_000, fail: false })) counted += number === counted ? 1 : 0;
    return counted;
  });
  assert.equal(counted, 5_000);
  // An item of a digit and more costs 65 bytes at least, of 64 KiB.
  const told = await ada.evaluate(() => toldItems);
  assert.ok(told > 100 && told <= 1_009, String(told));
  const rest = await ada.evaluate(async () => {
    let next = 1;
    for await (const number of items) next += number === next ? 1 : 0;
    return next;
  });
  assert.equal(rest, 5_000);
});

story("a tab that reads no topic makes no other wait, and is told its gap", async (t) => {
  const LINES = 3_000;
  const { ada, bob } = await openTwo(t);
  for (const tab of [ada, bob]) {
    await tab.evaluate(async () => {
      window.room = client.subscribe(suite.Room, { name: "slow" });
      await room.joined;
    });
  }
  const heard = await bob.evaluate(async (most) => {
    const text = "x".repeat(100);
    const heard = [];
    for (let number = 0; number < most; number += 1) {
      await client.publish(suite.Room, { name: "slow" }, `${number} ${text}`);
      const { value } = await room.next();
      heard.push(Number.parseInt(value.item, 10));
    }
    return heard;
  }, LINES);
  assert.deepEqual(heard, Array.from({ length: LINES }, (_, number) => number));
  const updates = await ada.evaluate(async (most) => {
    const updates = [];
    for await (const update of room) {
      updates.push(update);
      if ((update.to ?? update.offset + 1) >= updates[0].offset + most) break;
    }
    return updates.map(({ type, offset, from, to }) => ({ type, first: offset ?? from, next: to ?? offset + 1 }));
  }, LINES);
  assert.equal(updates.at(-1).next - updates[0].first, LINES);
  updates.slice(1).forEach(({ first }, place) => assert.equal(first, updates[place].next));
  assert.deepEqual(updates.filter(({ type }) => type === "gap").length, 1);
});

story("a tab whose script stands still holds up no events, and is closed as too slow", async (t) => {
  const NOTICES = 20_000;
  const { ada, bob } = await openTwo(t);
  for (const tab of [ada, bob]) {
    await tab.evaluate(() => {
      window.heard = 0;
      client.on(suite.Notice, ({ number }) => (heard += number === heard ? 1 : 0));
    });
  }
  await bob.evaluate(() => client.ping());
  const standing = new Promise((resolve) => bob.once("dialog", resolve));
  const ended = bob.evaluate(() => {
    setTimeout(() => alert("It stands still."));
    return client.closed;
  });
  const dialog = await standing;
  await ada.evaluate((notices) => client.call(suite.Notify, { notices }), NOTICES);
  await ada.waitForFunction((notices) => heard === notices, NOTICES);
  await dialog.accept();
  const { code, here, retry } = await ended;
  assert.deepEqual([code, here, retry], ["too_slow", false, 0]);
  assert.equal(await add(ada), 2n);
});
