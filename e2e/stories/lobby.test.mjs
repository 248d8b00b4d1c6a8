// The lobby in TypeScript, beside the chat in Rust: both are pages of one server.
import assert from "node:assert/strict";

import { connected, hears, joinChat, say } from "../lib/chat.mjs";
import { startNetwork } from "../lib/network.mjs";
import { BROKEN, newPage } from "../lib/page.mjs";
import { startServer } from "../lib/program.mjs";
import { story } from "../lib/story.mjs";

/** Opens the lobby of a server, in a browser of its own. */
async function openLobby(t, server, wish = {}) {
  const { page } = await newPage(t, wish);
  const response = await page.goto(`${server.url}/lobby/`);
  await connected(page);
  return { page, response };
}

/** Gives a name that the server may refuse. */
async function tryName(page, name) {
  await page.getByLabel("Your name").fill(name);
  await page.getByRole("button", { name: "Enter" }).click();
}

const composer = (page) => page.getByLabel("Write to lobby");

/** Opens the lobby and takes a name there. */
async function joinLobby(t, server, name, wish) {
  const { page } = await openLobby(t, server, wish);
  await tryName(page, name);
  await composer(page).waitFor();
  return page;
}

/** Writes a line, and waits until the server has it. */
async function write(page, text) {
  await composer(page).fill(text);
  await composer(page).press("Enter");
  await emptied(page);
}

function emptied(page) {
  return page.waitForFunction(() => document.querySelector("#text").value === "");
}

/** What was said by these two, in the order in which a page shows it. */
async function linesOf(page) {
  const texts = await page.getByRole("article").allInnerTexts();
  return texts.map((text) => text.match(/\w+'s line \d+/)?.[0]).filter(Boolean);
}

story("the lobby in TypeScript reads along without a name, and speaks with one", async (t) => {
  const server = await startServer(t);
  const ada = await joinChat(t, server, "Ada");
  await say(ada, "Before it came.");
  const { page: bob, response } = await openLobby(t, server);
  const policy = response.headers()["content-security-policy"].split("; ");
  assert.ok(policy.includes("script-src 'self' 'wasm-unsafe-eval'"), String(policy));
  await hears(bob, "Ada", "Before it came.");
  await tryName(bob, "ADA");
  await bob.getByRole("alert").filter({ hasText: "Somebody here has this name." }).waitFor();
  assert.equal(await bob.getByLabel("Your name").inputValue(), "ADA");
  await tryName(bob, "Bob");
  await write(bob, "From TypeScript.");
  await hears(ada, "Bob", "From TypeScript.");
  await bob.getByText("Ada, Bob", { exact: true }).waitFor();
});

story("what can't be said stays in the lobby's field, with the reason", async (t) => {
  const server = await startServer(t);
  const page = await joinLobby(t, server, "Bob");
  const long = "x".repeat(5_000);
  await composer(page).fill(long);
  await composer(page).press("Enter");
  await page.getByRole("alert").filter({ hasText: /^That has more than \d+ characters\.$/ }).waitFor();
  assert.equal(await composer(page).inputValue(), long);
  await write(page, "Shorter.");
  await hears(page, "Bob", "Shorter.");
  assert.equal(await page.locator("#unsent").innerText(), "");
});

story("a TypeScript tab and a Rust tab chat over a network that breaks: no line is lost, doubled or moved", async (t) => {
  const server = await startServer(t);
  const network = await startNetwork(t, server);
  const ada = await joinChat(t, { url: network.url }, "Ada", { expected: BROKEN });
  const bob = await joinLobby(t, { url: network.url }, "Bob", { expected: BROKEN });
  const said = [];
  for (let round = 0; round < 20; round += 1) {
    said.push(`Ada's line ${round}`, `Bob's line ${round}`);
    await say(ada, `Ada's line ${round}`);
    if (round % 2 === 0) network.cut();
    const written = write(bob, `Bob's line ${round}`);
    if (round % 2 === 1) network.cut();
    await written;
  }
  for (const page of [ada, bob]) for (const line of said) await page.getByText(line, { exact: true }).waitFor();
  const order = await linesOf(bob);
  assert.deepEqual(await linesOf(ada), order, "both see the same");
  assert.deepEqual([...order].sort(), [...said].sort(), "each line stands there once");
  for (const name of ["Ada", "Bob"]) {
    const own = (lines) => lines.filter((line) => line.startsWith(name));
    assert.deepEqual(own(order), own(said), "in the order in which it was said");
  }
});

story("the lobby waits for a server that starts anew, and sends then what was written meanwhile", async (t) => {
  const server = await startServer(t);
  const bob = await joinLobby(t, server, "Bob", { expected: BROKEN });
  await write(bob, "Before.");
  await server.end();
  await bob.getByRole("status").filter({ hasText: "Coming back" }).waitFor();
  await bob.getByRole("alert").filter({ hasText: "The connection is lost." }).waitFor();
  await composer(bob).fill("Kept for later.");
  await composer(bob).press("Enter");
  await startServer(t, "--port", String(server.port));
  await connected(bob);
  await emptied(bob);
  await bob.getByText("The server started anew").waitFor();
  const ada = await joinChat(t, server, "Ada", { expected: BROKEN });
  await hears(ada, "Bob", "Kept for later.");
  await hears(bob, "Bob", "Kept for later.");
  await bob.getByText("Ada, Bob", { exact: true }).waitFor();
});

story("a lobby that was away for longer than the log reaches says that lines are lost", async (t) => {
  const server = await startServer(t);
  const network = await startNetwork(t, server);
  const bob = await joinLobby(t, { url: network.url }, "Bob", { expected: [...BROKEN, /status of 503/] });
  const ada = await joinLobby(t, server, "Ada");
  network.answers("/ws", 503);
  network.cut();
  await bob.getByRole("status").filter({ hasText: "Coming back" }).waitFor();
  await bob.getByRole("button", { name: "Try now" }).click();
  // A room's log holds 256 KiB: these lines are longer.
  for (let line = 0; line < 40; line += 1) await write(ada, `${"𝕏".repeat(1_900)} Ada's line ${line}`);
  network.passes("/ws");
  await hears(bob, "Ada", "Ada's line 39");
  await bob.getByText("Some lines are lost here").waitFor();
});

story("whose name is somebody else's by now is asked for another, and what was written is kept", async (t) => {
  const server = await startServer(t, "--keep", "1");
  const network = await startNetwork(t, server);
  const bob = await joinLobby(t, { url: network.url }, "Bob", { expected: [...BROKEN, /status of 503/] });
  await composer(bob).fill("Half a text.");
  network.answers("/ws", 503);
  network.cut();
  await server.line(/a session ended .*connection was lost/);
  const other = await joinLobby(t, server, "Bob");
  network.passes("/ws");
  await bob.getByRole("alert").filter({ hasText: "Somebody here has this name." }).waitFor();
  await tryName(bob, "Eve");
  await composer(bob).waitFor();
  assert.equal(await composer(bob).inputValue(), "Half a text.");
  await composer(bob).press("Enter");
  await hears(other, "Eve", "Half a text.");
});
