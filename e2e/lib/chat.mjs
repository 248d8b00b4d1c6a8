// What a person does in the chat's page, and waits to see.
import { newPage, openPage } from "./page.mjs";

/** Starts the server, opens its page and takes a name there. */
export async function openChat(t, name, wish = {}) {
  const opened = await openPage(t, wish);
  await takeName(opened.page, name);
  return opened;
}

/** Opens the page of a server that runs, in a browser of its own, and takes a name there. */
export async function joinChat(t, server, name, wish = {}) {
  const { page } = await newPage(t, wish);
  await page.goto(server.url);
  await takeName(page, name);
  return page;
}

export async function takeName(page, name) {
  await tryName(page, name);
  await composer(page, "lobby").waitFor();
}

/** Gives a name that the server may refuse. */
export async function tryName(page, name) {
  await connected(page);
  await page.getByLabel("Your name").fill(name);
  await page.getByRole("button", { name: "Enter the lobby" }).click();
}

export function connected(page) {
  return page.getByRole("status").filter({ hasText: /^Connected$/ }).waitFor();
}

/** The field in which one writes to a room or a person; the first of its name. */
export function composer(page, to) {
  return page.getByRole("textbox", { name: `Write to ${to}` });
}

/** Writes what is to be said in the conversation that is shown. */
export async function say(page, text) {
  await page.locator("#text").fill(text);
  await page.locator("#text").press("Enter");
}

/** Waits until the conversation that is shown has this text of this person. */
export function hears(page, from, text) {
  const article = page.getByRole("article").filter({ hasText: text });
  // Who goes on speaking is named once, so only the first of several has the name.
  return (from ? article.filter({ hasText: from }) : article).waitFor();
}

/** Waits until these are the people in the room that is shown. */
export async function sees(page, names) {
  const people = page.getByRole("complementary", { name: "People" });
  await people.getByRole("heading", { name: new RegExp(`· ${names.length}$`) }).waitFor();
  for (const name of names) await people.getByText(name, { exact: true }).waitFor();
}

/** Shows the conversation of this name. */
export async function choose(page, name) {
  const places = page.getByRole("navigation", { name: "Conversations" });
  await places.getByRole("button", { name }).click();
}

/** By how many pixels the page is wider than its window. */
export function overflow(page) {
  return page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
}
