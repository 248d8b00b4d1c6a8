// An application in a folder of its own, with nothing installed but the packed package.
import { execFile } from "node:child_process";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { promisify } from "node:util";
import { fileURLToPath } from "node:url";

import { built } from "../lib/program.mjs";

/** Longer than any tool takes on a busy machine, in milliseconds. */
const LIMIT = 120_000;

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/** Runs a command to its end in a folder, and gives what it printed. */
export async function run(folder, program, ...words) {
  try {
    const { stdout } = await promisify(execFile)(program, words, { cwd: folder, timeout: LIMIT });
    return stdout;
  } catch (error) {
    throw new Error(`${program} ${words.join(" ")} failed: ${error.stdout}${error.stderr}`, { cause: error });
  }
}

const folder = await mkdtemp(join(tmpdir(), "twinwire-npm-"));
// Here, as a hook of a hook would run at once.
after(() => rm(folder, { recursive: true }));

/** Makes the application, compiled against the package's types, for one file of tests; gives its folder. */
export async function install() {
  await cp(here("app"), folder, { recursive: true });
  await cp(here("../../npm/test/chat.ts"), join(folder, "chat.ts"));
  await cp(here("../../npm/test/suite.ts"), join(folder, "suite.ts"));
  // The server wants a page.
  await writeFile(join(folder, "index.html"), "<!doctype html>\n");
  await writeFile(join(folder, "package.json"), '{ "name": "app", "private": true, "type": "module" }\n');
  await run(folder, "npm", "install", "--offline", "--no-audit", "--no-fund", "--ignore-scripts", built("npmArchive"));
  await run(folder, here("../../npm/node_modules/.bin/tsc"), "-p", ".");
  return folder;
}
