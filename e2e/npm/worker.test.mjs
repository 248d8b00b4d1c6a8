// The connection that tabs share: whose functions it asks, who pauses it, who is apart, and what becomes of its worker.
import assert from "node:assert/strict";
import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before } from "node:test";

import { startNetwork } from "../lib/network.mjs";
import { BROKEN, KILLED, kill } from "../lib/page.mjs";
import { story } from "../lib/story.mjs";
import { install } from "./installed.mjs";
import { add, at, becomes, joins, look, openTabs, prepare, startEndpoint } from "./tabs.mjs";

let folder;
before(async () => {
  folder = await prepare(await install());
});

/** Opens two tabs that share a connection through a network, each with functions that `window` counts. */
async function openTwo(t, wish) {
  const network = await startNetwork(t, await startEndpoint(t));
  const { tabs, another, address } = await openTabs(t, folder, 2, wish);
  for (const tab of tabs) {
    await tab.evaluate((url) => {
      Object.assign(window, { tokens: 0, replaced: 0, hangs: "" });
      const answer = async (what, value) => (hangs === what ? new Promise(() => {}) : value);
      const token = () => answer("token", `token ${++tokens}`);
      const onSessionReplaced = async (client) => {
        replaced += 1;
        await answer("replaced");
        await client.call(suite.Add, { left: 1n, right: 1n });
      };
      return join(url, { token, onSessionReplaced, maxBackoff: 200 });
    }, at(network));
  }
  const [ada, bob] = tabs;
  return { ada, bob, network, url: at(network), another, address };
}

const counts = (tab) => tab.evaluate(() => [tokens, replaced]);

const session = (tab) => tab.evaluate(() => client.state.session);

story("the tab in front gives the token, and the next one if it dies meanwhile", async (t) => {
  const { ada, bob, network } = await openTwo(t, { expected: [...BROKEN, KILLED] });
  assert.deepEqual([await counts(ada), await counts(bob)], [[1, 0], [0, 0]]);
  const before = await session(ada);
  network.cut();
  await bob.waitForFunction(() => tokens === 1);
  await becomes(ada, "open");
  assert.equal(await add(ada), 2n);
  await bob.evaluate(() => (hangs = "token"));
  network.cut();
  await bob.waitForFunction(() => tokens === 2);
  assert.deepEqual(await counts(ada), [1, 0]);
  await kill(bob);
  assert.equal(await add(ada), 2n);
  assert.deepEqual(await counts(ada), [2, 0]);
  assert.equal(await session(ada), before);
});

story("without a tab that has a token the connection is without one", async (t) => {
  const { ada, bob, network, url } = await openTwo(t, { expected: BROKEN });
  await bob.evaluate(() => client.close());
  await joins(bob, url);
  await ada.evaluate(() => client.close());
  network.cut();
  // An attempt that waits for a token takes its time.
  await bob.waitForFunction(() => client.state.cause?.code === "no_token" && client.state.attempt > 5);
  await joins(ada, url, { token: "a token" });
  await bob.evaluate(() => client.reconnectNow());
  await becomes(bob, "open");
});

story("what a new session needs one tab does, and the next one if it dies meanwhile", async (t) => {
  const { ada, bob, network } = await openTwo(t, { expected: [...BROKEN, KILLED] });
  const endpoints = [await startEndpoint(t), await startEndpoint(t)];
  const before = await session(ada);
  network.lead(endpoints[0]);
  await ada.waitForFunction((before) => client.state.type === "open" && client.state.session !== before, before);
  assert.equal(await add(ada), 2n);
  assert.equal(await session(bob), await session(ada));
  assert.deepEqual([(await counts(ada))[1], (await counts(bob))[1]], [0, 1]);
  await bob.evaluate(() => (hangs = "replaced"));
  network.lead(endpoints[1]);
  await bob.waitForFunction(() => replaced === 2);
  const call = add(ada);
  assert.equal((await counts(ada))[1], 0);
  await kill(bob);
  assert.equal(await call, 2n);
  assert.equal((await counts(ada))[1], 1);
});

story("a tab alone pauses nothing, all tabs do, and any of them goes on", async (t) => {
  const { ada, bob, url, another } = await openTwo(t);
  const before = await session(ada);
  const pause = (tab) => tab.evaluate(() => client.pause());
  await pause(ada);
  assert.equal(await add(ada), 2n);
  assert.equal(await ada.evaluate(() => client.state.type), "open");
  await pause(bob);
  await Promise.all([becomes(ada, "paused"), becomes(bob, "paused")]);
  await ada.evaluate(() => client.reconnectNow());
  await Promise.all([becomes(ada, "open"), becomes(bob, "open")]);
  await pause(ada);
  await becomes(bob, "paused");
  const carol = await another();
  await joins(carol, url);
  assert.equal(await add(carol), 2n);
  assert.equal(await session(carol), before);
  await carol.close();
  await becomes(ada, "paused");
});

story("tabs of another identity or other kinds have another connection", async (t) => {
  const { ada, bob, url, another } = await openTwo(t);
  await joins(bob, url, { identity: "another person" });
  const carol = await another();
  await carol.evaluate((url) => join(url, {}, suite.kinds.toReversed()), url);
  const sessions = [await session(ada), await session(bob), await session(carol)];
  assert.equal(new Set(sessions).size, 3);
  for (const tab of [ada, bob, carol]) assert.equal(await add(tab), 2n);
});

/** Makes a newer version of the package beside it; gives both versions. */
async function release() {
  const from = join(folder, "twinwire");
  const script = await readFile(join(from, "core.js"), "utf8");
  const [, older] = script.match(/version ?= ?"([^"]+)"/);
  const newer = older.replace(/^\d+\.\d+\.\d+/, (version) => version.replace(/\d/g, "9"));
  await cp(from, join(folder, "newer"), { recursive: true });
  for (const name of ["core.js", "core_bg.wasm"]) {
    const bytes = await readFile(join(from, name), "latin1");
    await writeFile(join(folder, "newer", name), bytes.replace(older, newer), "latin1");
  }
  return { older, newer };
}

story("tabs of another version have another connection, and a worker of another version is an error that names both", async (t) => {
  const { older, newer } = await release();
  const { ada, bob, url } = await openTwo(t);
  const joinNewer = ([url, folder]) =>
    import("/newer/browser.js").then(async ({ connect }) => {
      const worker = (name) => new SharedWorker(`./${folder}/worker.js`, { type: "module", name: (window.workerName = name) });
      window.client = await connect(url, suite.kinds, { shared: true, identity: "a person", worker });
    });
  await bob.evaluate(joinNewer, [url, "newer"]);
  assert.equal(await add(bob), 2n);
  assert.notEqual(await session(bob), await session(ada));
  assert.ok((await bob.evaluate(() => workerName)).startsWith(`twinwire ${newer} `));
  const failing = bob.evaluate(joinNewer, [url, "twinwire"]).catch((error) => error);
  const both = `ConnectError: Twinwire's shared worker is of version ${older}, its page of version ${newer}: serve both`;
  assert.ok((await failing).message.includes(both), (await failing).message);
});

story("a worker that can't be had, or says nothing, is an error", async (t) => {
  await writeFile(join(folder, "silent.js"), "export {};\n");
  await writeFile(join(folder, "broken.js"), 'import "./nothing.js";\n');
  const expected = [/^Failed to load resource: .* 404/, /thrown/];
  const { tabs: [tab] } = await openTabs(t, folder, 1, { expected });
  const url = at(await startEndpoint(t));
  const fails = (script) =>
    tab.evaluate(async ([url, script]) => {
      const worker = (name) => {
        if (script === "") throw new Error("thrown");
        return new SharedWorker(script, { type: "module", name });
      };
      const { name, code, message } = await join(url, { worker, connectTimeout: 3_000 }).catch((error) => error);
      return [name, code, message];
    }, [url, script]);
  const [, , message] = await fails("./none.js");
  assert.match(message, /^Twinwire's shared worker didn't start: .* your own as the option `worker`/);
  const codes = [];
  for (const script of ["./none.js", "./broken.js", "./silent.js", ""]) codes.push((await fails(script)).slice(0, 2).join());
  assert.deepEqual(codes, ["ConnectError,worker", "ConnectError,worker", "ConnectError,timed_out", "ConnectError,worker"]);
  await joins(tab, url);
  assert.equal(await add(tab), 2n);
});

story("a page whose script for sharing isn't there says so", async (t) => {
  const { tabs: [tab] } = await openTabs(t, folder, 1, { expected: [/^Failed to load resource: .* 404/] });
  await tab.route("**/twinwire/shared.js", (route) => route.fulfill({ status: 404 }));
  const url = at(await startEndpoint(t));
  const error = await tab.evaluate((url) => join(url).catch(({ name, code }) => [name, code]), url);
  assert.deepEqual(error, ["ConnectError", "worker"]);
});

story("where there are no shared workers each tab has its own connection", async (t) => {
  const url = at(await startEndpoint(t));
  const { tabs } = await openTabs(t, folder, 2);
  for (const tab of tabs) {
    await tab.evaluate(() => delete window.SharedWorker);
    await joins(tab, url);
    assert.equal(await add(tab), 2n);
  }
  assert.notEqual(await session(tabs[0]), await session(tabs[1]));
});

story("tabs whose worker ends begin again what can begin again", async (t) => {
  const script = 'import "./twinwire/worker.js";\nnew BroadcastChannel("end").onmessage = () => close();\n';
  await writeFile(join(folder, "mortal.js"), script);
  const endpoint = await startEndpoint(t);
  const { tabs } = await openTabs(t, folder, 2);
  for (const tab of tabs) {
    await tab.evaluate(async (url) => {
      const worker = (name) => new SharedWorker("./mortal.js", { type: "module", name });
      window.echoes = [];
      window.replaced = [];
      const onSessionReplaced = async (client, why) => {
        replaced.push(why);
        await client.call(suite.Add, { left: 1n, right: 1n });
        await client.publish(suite.Room, { name: "after" }, "from onSessionReplaced");
      };
      await join(url, { worker, onSessionReplaced });
      client.on(suite.Echo, ({ text }) => echoes.push(text));
      window.room = client.subscribe(suite.Room, { name: "after" });
      await room.joined;
    }, at(endpoint));
  }
  const [ada, bob] = tabs;
  await ada.evaluate(() => client.handle(suite.Locate, () => "Ada"));
  const before = await session(ada);
  const hang = ada.evaluate(() => client.call(suite.Hang, {}).catch(({ code }) => code));
  await ada.evaluate(() => client.ping());
  await ada.evaluate(() => {
    client.addEventListener("statechange", () => {
      if (client.state.type === "resuming") client.publish(suite.Room, { name: "after" }, "meanwhile");
    }, { once: true });
    new BroadcastChannel("end").postMessage("");
  });
  assert.equal(await hang, "unknown");
  for (const tab of tabs) {
    await tab.waitForFunction((before) => client.state.type === "open" && client.state.session !== before, before);
  }
  assert.equal(await session(ada), await session(bob));
  await ada.evaluate(() => client.publish(suite.Room, { name: "after" }, "a line"));
  const heard = () => Promise.all([1, 2, 3].map(() => room.next().then(({ value }) => value.item)));
  const lines = await ada.evaluate(heard);
  assert.deepEqual(lines, ["from onSessionReplaced", "meanwhile", "a line"]);
  assert.deepEqual((await Promise.all(tabs.map((tab) => tab.evaluate(() => replaced)))).flat(), ["unknown"]);
  await bob.evaluate(() => client.send(suite.Echo, { text: "an echo" }));
  for (const tab of tabs) await tab.waitForFunction(() => echoes.join() === "an echo");
  assert.equal(await bob.evaluate(() => client.call(suite.AskMe, { whom: "x" })), '"Ada"');
});

story("a page that the back button shows again goes on", async (t) => {
  const { ada, bob, address } = await openTwo(t, { cached: true });
  await ada.evaluate(async () => {
    addEventListener("pageshow", ({ persisted }) => (window.persisted = persisted));
    window.rooms = ["alone", "both"].map((name) => client.subscribe(suite.Room, { name }));
    for (const room of rooms) await room.joined;
    client.handle(suite.Locate, () => "Ada");
    window.hang = client.call(suite.Hang, {}).catch(({ code }) => code);
    window.states = [];
    client.addEventListener("statechange", () => states.push(client.state.type));
  });
  await bob.evaluate(async () => {
    window.room = client.subscribe(suite.Room, { name: "both" });
    await room.joined;
  });
  await ada.goto(`${address.replace("127.0.0.1", "localhost")}twinwire/core.js`);
  assert.equal(await bob.evaluate(() => client.call(suite.AskMe, { whom: "x" })), "refused NoHandler");
  await bob.evaluate(async () => {
    for (const name of ["alone", "both"]) {
      for (const text of ["one", "two"]) await client.publish(suite.Room, { name }, text);
    }
  });
  await ada.evaluate(() => void setTimeout(() => history.back()));
  await ada.waitForFunction(() => window.client?.state.type === "open");
  assert.equal(await ada.evaluate(() => window.persisted), true, "the page comes of the cache");
  assert.deepEqual(await ada.evaluate(async () => [await hang, states[0]]), ["unknown", "resuming"]);
  const updates = await ada.evaluate(async () => {
    const [alone, both] = rooms;
    const heard = [(await alone.next()).value, (await alone.next()).value, (await both.next()).value];
    await client.publish(suite.Room, { name: "both" }, "three");
    heard.push((await both.next()).value);
    return heard.map(({ type, item, from, to }) => item ?? `${type} of ${to - from}`);
  });
  assert.deepEqual(updates, ["one", "two", "gap of 2", "three"]);
  await look(ada);
  assert.equal(await bob.evaluate(() => client.call(suite.AskMe, { whom: "x" })), '"Ada"');
  assert.equal(await session(ada), await session(bob));
});
