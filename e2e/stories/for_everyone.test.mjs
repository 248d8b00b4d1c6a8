// The chat for those who use no mouse, see little, hold a phone; and for those who mean ill.
import assert from "node:assert/strict";
import axe from "axe-core";

import {
  choose,
  composer,
  connected,
  hears,
  openChat,
  overflow,
  say,
  takeName,
} from "../lib/chat.mjs";
import { BROKEN, openPage } from "../lib/page.mjs";
import { story } from "../lib/story.mjs";

const SIZES = [
  { width: 1280, height: 800 },
  { width: 390, height: 844 },
];

/** What axe finds that keeps people out. */
async function barriers(page) {
  // By the browser's own door for tools, which the page's policy doesn't close.
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  const grave = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  return grave.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
}

async function look(page) {
  assert.deepEqual(await barriers(page), []);
  assert.equal(await overflow(page), 0, "the page scrolls sideways");
}

for (const size of SIZES) {
  story(`nothing keeps anybody out of the lobby in TypeScript at ${size.width} pixels`, async (t) => {
    const { page, server } = await openPage(t, { ...size, expected: BROKEN });
    await page.goto(`${server.url}/lobby/`);
    await connected(page);
    await look(page);
    await page.getByLabel("Your name").fill("Ada");
    await page.getByLabel("Your name").press("Enter");
    for (const text of ["word".repeat(100), " "]) {
      await page.getByLabel("Write to lobby").fill(text);
      await page.getByLabel("Write to lobby").press("Enter");
    }
    await page.getByText("Write something first.").waitFor();
    await hears(page, "Ada", "word".repeat(100));
    await page.emulateMedia({ colorScheme: "dark" });
    await look(page);
    await server.end();
    await page.getByRole("alert").filter({ hasText: "The connection is lost." }).waitFor();
    await look(page);
  });
}

for (const size of SIZES) {
  for (const colorScheme of ["light", "dark"]) {
    story(`nothing keeps anybody out at ${size.width} pixels, ${colorScheme}`, async (t) => {
      const { page, server } = await openPage(t, { ...size, expected: BROKEN });
      await page.emulateMedia({ colorScheme });
      await connected(page);
      await look(page);
      await takeName(page, "Ada");
      await say(page, "word".repeat(100));
      await hears(page, "Ada", "word".repeat(100));
      await look(page);
      await say(page, " ");
      await page.getByText("There is nothing to send yet.").waitFor();
      await look(page);
      if (size.width < 800) {
        await page.getByRole("button", { name: /^People/ }).click();
        await page.getByText("Here now").waitFor();
        await look(page);
        await page.getByRole("button", { name: "Back" }).click();
        await page.getByRole("button", { name: "Chats" }).click();
        await page.getByRole("heading", { name: "Rooms" }).waitFor();
        await look(page);
      }
      await choose(page, "Bot");
      await say(page, "Hello?");
      await page.getByRole("button", { name: "Stop" }).click();
      await page.getByText("Stopped.").waitFor();
      await look(page);
      await server.end();
      await page.getByRole("button", { name: "Try now" }).waitFor();
      await look(page);
    });
  }
}

story("on a phone the field to write in is there without scrolling", async (t) => {
  const { page } = await openChat(t, "Ada", { width: 390, height: 844 });
  for (let line = 1; line <= 40; line += 1) await say(page, `line ${line}`);
  await hears(page, null, "line 40");
  const field = await composer(page, "lobby").boundingBox();
  assert.ok(field.y > 0 && field.y + field.height <= 844, JSON.stringify(field));
  const last = page.getByRole("article").last();
  await last.filter({ hasText: "line 40" }).waitFor();
  const { y } = await last.boundingBox();
  assert.ok(y < field.y, "the newest line is out of sight");
});

/** Goes back through what can have the focus until it has this label. */
async function focusBackTo(page, id) {
  for (let step = 0; step < 30; step += 1) {
    await page.keyboard.press("Shift+Tab");
    if (await page.evaluate((id) => document.activeElement?.id === id, id)) return;
  }
  assert.fail(`the keyboard doesn't reach #${id}`);
}

story("the keyboard alone is enough", async (t) => {
  const { page } = await openPage(t);
  await connected(page);
  await page.keyboard.type("Ada");
  await page.keyboard.press("Enter");
  await composer(page, "lobby").waitFor();
  await page.keyboard.type("First");
  await page.keyboard.press("Shift+Enter");
  await page.keyboard.type("second");
  await page.keyboard.press("Enter");
  await hears(page, "Ada", "First\nsecond");
  await focusBackTo(page, "room");
  await page.keyboard.type("rust");
  await page.keyboard.press("Enter");
  await composer(page, "rust").waitFor();
  await page.keyboard.type("Here too");
  await page.keyboard.press("Enter");
  await hears(page, "Ada", "Here too");
});

story("in a narrow window the focus goes where the page goes", async (t) => {
  const { page } = await openChat(t, "Ada", { width: 390, height: 844 });
  await page.getByRole("button", { name: /^People/ }).press("Enter");
  await page.locator("#people:focus").waitFor();
  await page.getByRole("button", { name: "Back" }).press("Enter");
  await page.locator("#text:focus").waitFor();
  await page.getByRole("button", { name: "Chats" }).press("Enter");
  await page.locator("#places:focus").waitFor();
  await choose(page, "Bot");
  await page.locator("#text:focus").waitFor();
});

story("new lines are announced politely, and what grows is left alone", async (t) => {
  const { page } = await openChat(t, "Ada");
  const log = page.getByRole("log", { name: "What is said in lobby" });
  assert.equal(await log.getAttribute("aria-live"), "polite");
  await choose(page, "Bot");
  await say(page, "Hello?");
  await page.locator('article[aria-busy="true"]').waitFor();
  await page.getByRole("button", { name: "Stop" }).click();
  await page.getByText("Stopped.").waitFor();
  assert.equal(await page.locator('article[aria-busy="true"]').count(), 0);
});

story("a script that got into the page doesn't run", async (t) => {
  const expected = [/Content Security Policy/];
  const { page, server } = await openChat(t, "Ada", { expected });
  const { headers } = await fetch(server.url);
  assert.equal(headers.get("x-content-type-options"), "nosniff");
  assert.equal(headers.get("referrer-policy"), "no-referrer");
  const { events, ran } = await page.evaluate(async () => {
    const events = [];
    const refused = new Promise((resolve) => {
      document.addEventListener("securitypolicyviolation", (event) => {
        events.push(event.effectiveDirective);
        resolve();
      });
    });
    const script = document.createElement("script");
    script.textContent = "globalThis.ran = true";
    document.body.append(script);
    await refused;
    return { events, ran: globalThis.ran };
  });
  assert.deepEqual(events, ["script-src-elem"]);
  assert.equal(ran, undefined);
});
