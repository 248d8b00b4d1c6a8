// Native programs of the workspace, started for one story and ended with it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/** How long a program may take until it listens, in milliseconds. */
const READY = 20_000;

/** How long it may take to end when asked to. */
const ENDING = 5_000;

/** The variables by which xtask hands over what it has built. */
const VARIABLES = {
  server: "TWINWIRE_SERVER",
  plainEcho: "TWINWIRE_PLAIN_ECHO",
  goodbye: "TWINWIRE_GOODBYE",
  www: "TWINWIRE_WWW",
  chromium: "CHROMIUM",
  firefox: "TWINWIRE_FIREFOX",
  geckodriver: "TWINWIRE_GECKODRIVER",
  starter: "TWINWIRE_STARTER",
  starterFolder: "TWINWIRE_STARTER_FOLDER",
  npmArchive: "TWINWIRE_NPM_ARCHIVE",
  peer: "TWINWIRE_TEST_PEER",
};

/** @param {keyof typeof VARIABLES} what */
export function built(what) {
  const path = process.env[VARIABLES[what]];
  if (!path) throw new Error(`${VARIABLES[what]} is not set: run \`cargo xtask test stories\``);
  return path;
}

/** The server with the page, on a port of its own unless the options name one. */
export function startServer(t, ...options) {
  const port = options.includes("--port") ? [] : ["--port", "0"];
  return startProgram(t, built("server"), [...port, "--www", built("www"), ...options]);
}

/**
 * Starts a program and waits until it says where it listens.
 * @param {import("./story.mjs").Teller} t
 * @param {string} path
 * @param {string[]} options
 * @param {string} [folder] in which it runs
 */
export async function startProgram(t, path, options, folder) {
  const program = spawnProgram(t, path, options, folder);
  const [, url] = await program.line(/listening on (\w+:\/\/\S+)/);
  program.url = url;
  program.port = Number(new URL(url).port);
  return program;
}

/** Starts a program, which need not listen. */
export function spawnProgram(t, path, options, folder) {
  const env = { ...process.env, RUST_LOG: "info,actix_server=warn,twinwire_server=debug" };
  const child = spawn(path, options, { env, cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  const program = new Program(path, child);
  t.after(() => program.end());
  return program;
}

class Program {
  /** Where it listens, as it said itself. */
  url = "";
  port = 0;
  /** All it has printed, without colours. */
  lines = [];
  #path;
  #child;
  #ended = false;
  #waiters = new Set();

  constructor(path, child) {
    this.#path = path;
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on("line", (line) => {
        this.lines.push(line.replace(/\u001b\[[\d;]*m/g, ""));
        this.#wake();
      });
    }
    const ended = (error) => {
      this.#ended = true;
      if (error instanceof Error) this.lines.push(error.message);
      this.#wake();
    };
    child.on("error", ended).on("close", ended);
  }

  /** Waits for a line that matches, also among those already printed, and gives the match. */
  async line(pattern, limit = READY) {
    const find = () => this.lines.map((line) => line.match(pattern)).find(Boolean);
    const late = AbortSignal.timeout(limit);
    let found;
    while (!(found = find())) {
      if (this.#ended) throw this.#error(`ended without a line like ${pattern}`);
      if (late.aborted) throw this.#error(`printed no line like ${pattern} within ${limit} ms`);
      await new Promise((resolve) => {
        const waiter = () => {
          late.removeEventListener("abort", waiter);
          this.#waiters.delete(waiter);
          resolve();
        };
        this.#waiters.add(waiter);
        late.addEventListener("abort", waiter);
      });
    }
    return found;
  }

  /** Makes it stand still: its connections stay, and nothing happens. */
  stop() {
    this.#child.kill("SIGSTOP");
  }

  goOn() {
    this.#child.kill("SIGCONT");
  }

  /** Asks it to end, and makes it end if it doesn't. */
  async end() {
    if (this.#ended || this.#child.pid === undefined) return;
    const closed = once(this.#child, "close");
    this.#child.kill("SIGTERM");
    this.goOn();
    const force = setTimeout(() => this.#child.kill("SIGKILL"), ENDING);
    await closed;
    clearTimeout(force);
  }

  #wake() {
    for (const waiter of [...this.#waiters]) waiter();
  }

  #error(what) {
    return new Error(`${this.#path} ${what}; it printed:\n${this.lines.join("\n")}`);
  }
}
