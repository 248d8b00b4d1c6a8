// Tabs of one page that share a connection, to the endpoint of the clients' suite.
import { spawn } from "node:child_process";
import { cp, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { newPage } from "../lib/page.mjs";
import { built } from "../lib/program.mjs";
import { serve } from "./serve.mjs";

const PAGE = '<!doctype html>\n<link rel="icon" href="data:,">\n<body></body>\n<script type="module" src="./page.js"></script>\n';

/** Makes the folder of the page, of the package's files as they are, in that of the installed application. */
export async function prepare(folder) {
  const out = join(folder, "tabs");
  await mkdir(out);
  await cp(join(folder, "build"), join(out, "build"), { recursive: true });
  await cp(join(folder, "node_modules/twinwire/dist"), join(out, "twinwire"), { recursive: true });
  const imports = 'import { connect } from "./twinwire/browser.js";\nimport { tab } from "./build/tab.js";\n';
  await writeFile(join(out, "page.js"), `${imports}tab(connect);\n`);
  await writeFile(join(out, "index.html"), PAGE);
  return out;
}

/** Starts a server of the suite; gives the port of its endpoint. */
export async function startEndpoint(t) {
  const child = spawn(built("peer"), { stdio: ["pipe", "pipe", "inherit"] });
  t.after(() => child.stdin.end());
  for await (const line of createInterface({ input: child.stdout })) {
    const wire = line.match(/^wire (\d+)$/);
    if (wire) return { port: Number(wire[1]) };
  }
  throw new Error("the endpoint named no port");
}

/** The address of an endpoint, or of a network before it. */
export const at = ({ port, url }) => `ws://127.0.0.1:${port ?? new URL(url).port}/ws`;

/** Serves the page in `folder`, and opens it in so many tabs of one browser. */
export async function openTabs(t, folder, count, wish) {
  const address = `${await serve(t, folder)}/`;
  const { page, newTab } = await newPage(t, wish);
  const open = async (tab) => {
    await tab.goto(address);
    await tab.waitForFunction(() => window.join !== undefined);
    return tab;
  };
  const tabs = [await open(page)];
  while (tabs.length < count) tabs.push(await open(await newTab()));
  return { tabs, address, another: async () => open(await newTab()) };
}

/** Connects a tab; gives its state. */
export const joins = (tab, url, options) => tab.evaluate(([url, options]) => join(url, options), [url, options]);

/** Makes the tab the one that a person looks at. */
export const look = (tab) => tab.evaluate(() => void window.dispatchEvent(new Event("focus")));

/** Makes a call; gives its reply, which is 2. */
export const add = (tab) => tab.evaluate(() => client.call(suite.Add, { left: 1n, right: 1n }));

/** Waits until the tab's client is in a state. */
export const becomes = (tab, type) => tab.waitForFunction((type) => client.state.type === type, type);
