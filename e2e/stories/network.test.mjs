// What becomes of the chat when the network or the server doesn't do what it should.
import assert from "node:assert/strict";
import { setTimeout as after } from "node:timers/promises";

import { composer, connected, hears, joinChat, openChat, say, sees, takeName } from "../lib/chat.mjs";
import { startNetwork } from "../lib/network.mjs";
import { BROKEN, KILLED, kill, newPage } from "../lib/page.mjs";
import { startServer } from "../lib/program.mjs";
import { story } from "../lib/story.mjs";

/** Waits until the conversation has these lines, each once, in this order among each other. */
async function hasInOrder(page, lines) {
  for (const line of lines) await hears(page, null, line);
  const texts = await page.getByRole("article").allInnerTexts();
  const heard = lines.map((line) => {
    const places = texts.flatMap((text, place) => (text.includes(line) ? [place] : []));
    assert.equal(places.length, 1, `${line} stands there ${places.length} times`);
    return places[0];
  });
  assert.deepEqual(heard, heard.toSorted((a, b) => a - b), "the order has changed");
}

story("a server that goes away is waited for, and what is written meanwhile goes out then", async (t) => {
  const { page, server } = await openChat(t, "Ada", { expected: BROKEN });
  await say(page, "Before.");
  await hears(page, "Ada", "Before.");
  await server.end();
  await page.getByRole("status").filter({ hasText: "Coming back" }).waitFor();
  await page.getByRole("alert").filter({ hasText: "The connection is lost." }).waitFor();
  await say(page, "Kept for later.");
  await page.getByRole("alert").filter({ hasText: "One text waits." }).waitFor();
  await page.getByRole("button", { name: "Try now" }).click();
  await startServer(t, "--port", String(server.port));
  await connected(page);
  await sees(page, ["Ada"]);
  await page.getByText("The server started anew").waitFor();
  await hasInOrder(page, ["Before.", "Kept for later."]);
  assert.equal(await composer(page, "lobby").inputValue(), "");
});

story("what is written while the server is away is shown as waiting, and all of it goes out", async (t) => {
  const { page, server } = await openChat(t, "Ada", { expected: BROKEN });
  await server.end();
  await page.getByRole("status").filter({ hasText: "Coming back" }).waitFor();
  const lines = ["The first line.", "The second line.", "The third line."];
  for (const line of lines) await say(page, line);
  const waiting = page.getByRole("article").filter({ hasText: "Waiting to be sent" });
  for (const line of lines) await waiting.filter({ hasText: line }).waitFor();
  assert.equal(await composer(page, "lobby").inputValue(), "");
  await startServer(t, "--port", String(server.port));
  await connected(page);
  await hasInOrder(page, lines);
  await waiting.first().waitFor({ state: "detached" });
  const bob = await joinChat(t, server, "Bob");
  await hasInOrder(bob, lines);
});

story("who has lost the name enters the room again under another", async (t) => {
  const server = await startServer(t, "--keep", "1");
  const network = await startNetwork(t, server);
  const { page: ada } = await newPage(t, { expected: [...BROKEN, /status of 503/] });
  await ada.goto(network.url);
  await takeName(ada, "Ada");
  await say(ada, "I was here.");
  await hears(ada, "Ada", "I was here.");
  network.answers("/ws", 503);
  network.cut();
  await server.line(/a session ended .*connection was lost/);
  const other = await joinChat(t, server, "Ada");
  network.passes("/ws");
  await ada.getByLabel("Your name").waitFor();
  await takeName(ada, "Eve");
  await say(other, "So am I.");
  await hasInOrder(ada, ["I was here.", "So am I."]);
  await say(ada, "And now I am Eve.");
  await hasInOrder(ada, ["I was here.", "So am I.", "And now I am Eve."]);
});

story("a network that breaks again and again loses no line, doubles none, and keeps their order", async (t) => {
  const server = await startServer(t);
  const network = await startNetwork(t, server);
  const { page: ada } = await newPage(t, { expected: BROKEN });
  await ada.goto(network.url);
  await takeName(ada, "Ada");
  const bob = await joinChat(t, server, "Bob");
  const [hers, his] = [[], []];
  for (let round = 0; round < 20; round += 1) {
    hers.push(`Ada's line ${round}.`);
    his.push(`Bob's line ${round}.`);
    await say(ada, hers.at(-1));
    if (round % 2 === 0) network.cut();
    await say(bob, his.at(-1));
    if (round % 2 === 1) network.cut();
  }
  for (const page of [ada, bob]) {
    await hasInOrder(page, hers);
    await hasInOrder(page, his);
  }
  const order = (page) =>
    page.getByRole("article").allInnerTexts().then((texts) => texts.map((text) => text.match(/\w+'s line \d+/)?.[0]));
  assert.deepEqual(await order(ada), await order(bob), "both see the same");
  await sees(bob, ["Ada", "Bob"]);
});

story("a server that stands still for ten seconds loses nothing that both sides write", async (t) => {
  const { page: ada, server } = await openChat(t, "Ada");
  const bob = await joinChat(t, server, "Bob");
  await sees(ada, ["Ada", "Bob"]);
  server.stop();
  const still = after(10_000);
  const [hers, his] = [[], []];
  for (let round = 0; round < 10; round += 1) {
    hers.push(`Ada's line ${round}.`);
    his.push(`Bob's line ${round}.`);
    await say(ada, hers.at(-1));
    await say(bob, his.at(-1));
  }
  await still;
  server.goOn();
  for (const page of [ada, bob]) {
    await hasInOrder(page, hers);
    await hasInOrder(page, his);
  }
});

story("a page that comes before its server waits for it", async (t) => {
  const server = await startServer(t);
  const network = await startNetwork(t, server);
  const { page } = await newPage(t, { expected: [...BROKEN, /status of 503/] });
  network.answers("/ws", 503, { "Retry-After": 1 });
  const asked = page.waitForResponse((response) => response.url().endsWith("/ws") && response.status() === 503);
  await page.goto(network.url);
  await asked;
  await page.getByRole("status").filter({ hasText: "Connecting" }).waitFor();
  network.passes("/ws");
  await takeName(page, "Ada");
  await say(page, "Here at last.");
  await hears(page, "Ada", "Here at last.");
});

story("a page says which status its server's address answers with", async (t) => {
  const server = await startServer(t);
  const network = await startNetwork(t, server);
  const { page } = await newPage(t, { expected: [...BROKEN, /status of 404/] });
  network.answers("/ws", 404);
  await page.goto(network.url);
  await page.getByText("its address answers with status 404").waitFor();
});

story("whose tab the browser kills is here for as long as the session is kept, and then no longer", async (t) => {
  const { page: ada, server } = await openChat(t, "Ada", { options: ["--keep", "5"] });
  const bob = await joinChat(t, server, "Bob", { expected: [KILLED] });
  await sees(ada, ["Ada", "Bob"]);
  await kill(bob);
  await server.line(/a session lost its connection/);
  await sees(ada, ["Ada", "Bob"]);
  await server.line(/a session ended .*connection was lost/);
  await sees(ada, ["Ada"]);
  await joinChat(t, server, "Bob");
  await sees(ada, ["Ada", "Bob"]);
});
