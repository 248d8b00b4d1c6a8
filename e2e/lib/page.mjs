// Pages in Chromium, whose errors are errors of the story.
import assert from "node:assert/strict";
import { chromium } from "playwright-core";

import { built, startServer } from "./program.mjs";

/** No update, no telemetry, no sandbox (which containers lack), no shared memory (which is small). */
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-dev-shm-usage",
];

/**
 * What Chromium itself says of a connection that breaks or doesn't come about, and of the question
 * why: a server that is back by then answers it with 426.
 */
export const BROKEN = [
  /^WebSocket connection to .* failed/,
  /^Failed to load resource: net::ERR_(CONNECTION_REFUSED|CONNECTION_RESET|EMPTY_RESPONSE)$/,
  /^Failed to load resource: the server responded with a status of 426 /,
];

/**
 * Starts the server and opens its page.
 *
 * @param {import("./story.mjs").Teller} t
 * @param {{width?: number, height?: number, expected?: RegExp[], options?: string[]}} [wish]
 *   the size of the window; console errors that belong to the story; options for the server
 */
export async function openPage(t, wish = {}) {
  const server = await startServer(t, ...(wish.options ?? []));
  const { page, log } = await newPage(t, wish);
  await page.goto(server.url);
  return { page, server, log };
}

/**
 * An empty page in a browser of its own, without a server. With `cached`, the browser keeps pages that were left for
 * the back button: Playwright turns that off.
 *
 * `log` grows by each text that the page logs. An error that the page logs or throws fails the
 * story at its end, unless it is expected. `newTab` opens another page beside it, as in a browser's next tab.
 */
export async function newPage(t, { width = 1280, height = 800, expected = [], cached = false } = {}) {
  const browser = await launch({
    executablePath: built("chromium"),
    args: FLAGS,
    ignoreDefaultArgs: cached ? ["--disable-back-forward-cache"] : [],
  });
  const log = [];
  const errors = [];
  t.after(async () => {
    await browser.close();
    const surprises = errors.filter((error) => !expected.some((known) => known.test(error)));
    assert.deepEqual(surprises, [], "the page had errors");
  });
  const context = await browser.newContext({ viewport: { width, height } });
  const newTab = async () => {
    const page = await context.newPage();
    page.on("console", (message) => {
      log.push(message.text());
      if (message.type() === "error") errors.push(message.text());
    });
    page.on("pageerror", (error) => errors.push(String(error)));
    page.on("crash", () => errors.push("the page crashed"));
    return page;
  };
  return { page: await newTab(), log, newTab };
}

/**
 * Starts Chromium. Two of some hundreds were seen to crash before they took a first command (SIGSEGV), which says
 * nothing of the story: it is told, and another is started, twice at most.
 */
async function launch(options, again = 2) {
  try {
    return await chromium.launch(options);
  } catch (error) {
    if (again === 0 || !CRASHED.test(error.message)) throw error;
    console.error(`Chromium crashed while it started, and is started again: ${error.message.match(CRASHED)[0]}`);
    return launch(options, again - 1);
  }
}

/** What Playwright says of a browser that a signal ended. */
const CRASHED = /exitCode=null, signal=SIG(SEGV|BUS|ILL|ABRT|TRAP)/;

/** Ends the page's process, as a browser that is short of memory does: nothing of the page can say goodbye. */
export async function kill(page) {
  const killed = page.waitForEvent("crash");
  const devtools = await page.context().newCDPSession(page);
  // Nobody is left to answer.
  devtools.send("Page.crash").catch(() => {});
  await killed;
}

/** What {@link kill} makes of a page. */
export const KILLED = /^the page crashed$/;

/** Waits until the page has logged a text that matches, and gives the match. */
export async function logged(page, log, pattern, timeout = 20_000) {
  const find = () => log.map((text) => text.match(pattern)).find(Boolean);
  const found = find();
  if (found) return found;
  await page.waitForEvent("console", { predicate: () => find() !== undefined, timeout });
  return find();
}
