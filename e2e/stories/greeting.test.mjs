// The showcase's page: a name goes to the server as a typed call, a greeting comes back.
import assert from "node:assert/strict";

import { openPage } from "../lib/page.mjs";
import { story } from "../lib/story.mjs";

const SIZES = [
  { width: 1280, height: 800 },
  { width: 390, height: 844 },
];

/** Waits until an element shows this text. */
function shows(page, selector, text) {
  return page.locator(selector, { hasText: text }).waitFor();
}

async function greet(page, name) {
  await page.getByLabel("Your name").fill(name);
  await page.getByRole("button", { name: "Greet me" }).click();
}

for (const size of SIZES) {
  story(`a name is greeted at ${size.width} pixels`, async (t) => {
    const { page } = await openPage(t, size);
    await shows(page, "#state", "Connected");
    await greet(page, "Ada");
    await shows(page, "#greetings li", "Hello, Ada! This is greeting number 1.");
    await greet(page, "服务端");
    await shows(page, "#greetings li:first-child", "Hello, 服务端! This is greeting number 2.");
    const overflow = await page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
    assert.equal(overflow, 0, "the page scrolls sideways");
  });
}

story("a wrong name comes back as an error in words, and a right one clears it", async (t) => {
  const { page } = await openPage(t);
  await shows(page, "#state", "Connected");
  await greet(page, "   ");
  await shows(page, "#error", "A name needs at least one letter.");
  await greet(page, "x".repeat(33));
  await shows(page, "#error", "A name has at most 32 characters.");
  assert.equal(await page.locator("#greetings li").count(), 0);
  await greet(page, "Ada");
  await shows(page, "#greetings li", "Hello, Ada!");
  assert.equal(await page.locator("#error").textContent(), "");
});

story("the keyboard alone is enough", async (t) => {
  const { page } = await openPage(t);
  await shows(page, "#state", "Connected");
  await page.keyboard.type("Ada");
  await page.keyboard.press("Enter");
  await shows(page, "#greetings li", "Hello, Ada!");
});

story("markup in a name stays text", async (t) => {
  const { page } = await openPage(t);
  await shows(page, "#state", "Connected");
  await greet(page, "<b onclick=x>Ada</b>");
  await shows(page, "#greetings li", "Hello, <b onclick=x>Ada</b>!");
  assert.equal(await page.locator("#greetings b").count(), 0);
});

story("a server that goes away is told in words, with a way back", async (t) => {
  const { page, server } = await openPage(t);
  await shows(page, "#state", "Connected");
  await server.end();
  await shows(page, "#state", "Not connected");
  assert.equal(await page.getByRole("button", { name: "Greet me" }).isDisabled(), true);
  await page.getByRole("button", { name: "Connect again" }).waitFor();
});
