// The showcase's chat: rooms, private messages, the bot, and what becomes of them when the server goes.
import assert from "node:assert/strict";

import {
  choose,
  composer,
  connected,
  hears,
  joinChat,
  openChat,
  say,
  sees,
  takeName,
  tryName,
} from "../lib/chat.mjs";
import { newPage, openPage } from "../lib/page.mjs";
import { startServer } from "../lib/program.mjs";
import { story } from "../lib/story.mjs";

story("two people in a room see each other and hear what each says", async (t) => {
  const { page: ada, server } = await openChat(t, "Ada");
  await say(ada, "Is anybody here?");
  const bob = await joinChat(t, server, "Bob");
  await hears(bob, "Ada", "Is anybody here?");
  await sees(ada, ["Ada", "Bob"]);
  await sees(bob, ["Ada", "Bob"]);
  await say(bob, "I am.");
  await hears(ada, "Bob", "I am.");
  await hears(bob, "Bob", "I am.");
  await ada.getByText(/^Round trip \d+\.\d ms$/).waitFor();
});

story("who leaves is no longer there, and the name is free again", async (t) => {
  const { page: ada, server } = await openChat(t, "Ada");
  const bob = await joinChat(t, server, "Bob");
  await sees(ada, ["Ada", "Bob"]);
  await bob.close();
  await sees(ada, ["Ada"]);
  await joinChat(t, server, "bob");
  await sees(ada, ["Ada", "bob"]);
});

story("who follows a link is no longer there, and is there again by the back button", async (t) => {
  const { page: ada, server } = await openChat(t, "Ada");
  const bob = await joinChat(t, server, "Bob", { cached: true });
  await sees(ada, ["Ada", "Bob"]);
  const elsewhere = new URL("/minimal", server.url);
  elsewhere.hostname = "localhost";
  await bob.goto(elsewhere.href);
  await sees(ada, ["Ada"]);
  // A page that is loaded anew has no name: only the very one is there again.
  await bob.evaluate(() => history.back());
  await sees(ada, ["Ada", "Bob"]);
});

story("what was written and not sent before one follows a link goes out after the back button", async (t) => {
  const { page: ada, server } = await openChat(t, "Ada");
  const { page: bob } = await newPage(t, { cached: true });
  // Before the client hears that the page goes, the page makes more calls than may be under way.
  await bob.addInitScript(() => addEventListener("pagehide", async () => {
    const text = document.querySelector("#text");
    for (let line = 1; text && line <= 70; line += 1) {
      text.value = line < 70 ? `Line ${line}` : "As I was going.";
      text.dispatchEvent(new Event("input", { bubbles: true }));
      text.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
      for (let turn = 0; turn < 50; turn += 1) await null;
    }
  }));
  await bob.goto(server.url);
  await takeName(bob, "Bob");
  await sees(ada, ["Ada", "Bob"]);
  const elsewhere = new URL("/minimal", server.url);
  elsewhere.hostname = "localhost";
  await bob.goto(elsewhere.href);
  await sees(ada, ["Ada"]);
  assert.equal(await ada.getByText("As I was going.").count(), 0);
  await bob.evaluate(() => history.back());
  await hears(ada, null, "As I was going.");
  await sees(ada, ["Ada", "Bob"]);
});

story("another room is heard by those who entered it, until they leave", async (t) => {
  const { page: ada, server } = await openChat(t, "Ada");
  const bob = await joinChat(t, server, "Bob");
  for (const page of [ada, bob]) {
    await page.getByLabel("Enter a room").fill(" rust ");
    await page.getByRole("button", { name: "Enter", exact: true }).click();
    await composer(page, "rust").waitFor();
  }
  await sees(ada, ["Ada", "Bob"]);
  await say(bob, "Not for the lobby.");
  await hears(ada, "Bob", "Not for the lobby.");
  await bob.getByRole("button", { name: "Leave" }).click();
  await composer(bob, "lobby").waitFor();
  await sees(ada, ["Ada"]);
  await choose(ada, "lobby");
  await say(bob, "For all.");
  await hears(ada, "Bob", "For all.");
  assert.equal(await ada.getByText("Not for the lobby.").count(), 0);
});

story("a private message reaches one person, and nobody else", async (t) => {
  const { page: ada, server } = await openChat(t, "Ada");
  const bob = await joinChat(t, server, "Bob");
  const cleo = await joinChat(t, server, "Cleo");
  await ada.getByRole("complementary").getByRole("button", { name: "Bob" }).click();
  await composer(ada, "Bob alone").waitFor();
  await say(ada, "Only for you.");
  await hears(ada, "Ada", "Only for you.");
  await choose(bob, /Ada.*1 unread/);
  await hears(bob, "Ada", "Only for you.");
  await say(bob, "Nobody else knows.");
  await hears(ada, "Bob", "Nobody else knows.");
  await choose(bob, "lobby");
  await say(bob, "This is for all.");
  await hears(cleo, "Bob", "This is for all.");
  // What the server sends to one client comes in its order: an earlier whisper would be here.
  const places = cleo.getByRole("navigation", { name: "Conversations" });
  assert.deepEqual(await places.locator("li bdi").allInnerTexts(), ["lobby", "Bot"]);
});

story("the bot answers word by word until it is stopped", async (t) => {
  const { page, server } = await openChat(t, "Ada");
  await choose(page, "Bot");
  await say(page, "What is a stream?");
  const answer = page.getByRole("article").filter({ hasText: "You asked:" });
  await answer.getByText("“What is a stream?”").waitFor();
  assert.equal(await answer.getAttribute("aria-busy"), "true");
  await page.getByRole("button", { name: "Stop" }).click();
  await answer.getByText("Stopped.").waitFor();
  const stopped = await answer.innerText();
  assert.ok(!stopped.includes("the same connection."), "it came to its end");
  await server.line(/the bot was stopped after \d+ words/);
  await choose(page, "lobby");
  await say(page, "The connection goes on.");
  await hears(page, "Ada", "The connection goes on.");
  await choose(page, "Bot");
  assert.equal(await answer.innerText(), stopped);
  await say(page, "And again?");
  await page.getByText("“And again?”").waitFor();
});

story("a name that is empty, too long or taken is refused in words", async (t) => {
  const { page: ada, server } = await openPage(t);
  await tryName(ada, "   ");
  await ada.getByText("A name needs at least one letter.").waitFor();
  await tryName(ada, "x".repeat(33));
  await ada.getByText("A name has at most 32 characters.").waitFor();
  await tryName(ada, "Ada");
  await composer(ada, "lobby").waitFor();
  const { page: other } = await newPage(t);
  await other.goto(server.url);
  await tryName(other, "ADA");
  await other.getByText("Somebody here has this name already.").waitFor();
});

story("a text that can't be sent is refused in words and stays", async (t) => {
  const { page } = await openChat(t, "Ada");
  await say(page, "   ");
  await page.getByText("There is nothing to send yet.").waitFor();
  const long = "x".repeat(2001);
  await say(page, long);
  await page.getByText("A text has at most 2000 characters.").waitFor();
  assert.equal(await composer(page, "lobby").inputValue(), long);
  await say(page, long.slice(1));
  await hears(page, "Ada", long.slice(1));
});

story("markup stays text", async (t) => {
  const { page } = await openChat(t, "<i>Ada</i>");
  await say(page, "<b onclick=x>bold</b> <img src=x onerror=alert(1)>");
  await hears(page, "<i>Ada</i>", "<b onclick=x>bold</b> <img src=x onerror=alert(1)>");
  assert.equal(await page.locator("main b, main i, main img").count(), 0);
});

story("an Enter that ends a composition sends nothing", async (t) => {
  const { page: ada } = await openChat(t, "Ada");
  await ada.locator("#text").fill("にほ");
  for (const init of [{ keyCode: 229 }, { isComposing: true }]) {
    await ada.locator("#text").dispatchEvent("keydown", { key: "Enter", bubbles: true, ...init });
  }
  assert.equal(await composer(ada, "lobby").inputValue(), "にほ");
  await ada.locator("#text").press("Enter");
  await hears(ada, "Ada", "にほ");
  assert.equal(await ada.getByRole("article").count(), 1);
});

story("the page is there before its program, and is taken over without a jump", async (t) => {
  const server = await startServer(t);
  const { page } = await newPage(t);
  let goOn;
  const held = new Promise((resolve) => (goOn = resolve));
  await page.route(/\.wasm$/, async (route) => {
    await held;
    await route.continue();
  });
  await page.goto(server.url, { waitUntil: "commit" });
  const shown = () => Promise.all(["Twinwire", "Come in"].map((name) => page.getByRole("heading", { name }).boundingBox()));
  await page.getByRole("status").filter({ hasText: "Connecting" }).waitFor();
  await page.getByLabel("Your name").fill("Ada");
  const before = await shown();
  goOn();
  await connected(page);
  assert.deepEqual(await shown(), before);
  assert.equal(await page.getByLabel("Your name").inputValue(), "Ada");
  await page.getByRole("button", { name: "Enter the lobby" }).click();
  await composer(page, "lobby").waitFor();
});
