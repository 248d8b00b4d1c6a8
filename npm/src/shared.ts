// Opens a tab's client whose connection is in a SharedWorker. Only pages that share one load this: what other pages load too would be a
// file of its own, in bundles, so nothing of that is imported but types and numbers.

import { Attachment } from "./attachment.js";
import type { Bridge } from "./bridge.js";
import type { ConnectOptions } from "./client.js";
import type { Core } from "./core.js";
import type { Kind } from "./kinds.js";
import { type Hello, clock } from "./port.js";
import { CoreProxy } from "./proxy.js";

/** The half of a connection that the tab has. */
interface Facade {
  readonly bridge: Bridge;
  readonly places: Map<string, number>;
  fail(code: string, why: string, retry: number | undefined): void;
}

/** Returns what stands in the module's place. `time` is what is left to connect, in milliseconds. */
export function openShared(
  facade: Facade,
  url: string,
  kinds: readonly Kind[],
  options: ConnectOptions<never>,
  time: number,
  version: string,
): Core {
  const { bridge, places } = facade;
  kinds.forEach(({ name }, place) => places.set(name, place));
  const attachment = new Attachment(bridge, {
    hello: greeting(url, kinds, options, time, version),
    start: options.worker ?? start,
    time,
    comesBack: options.reconnect ?? true,
    failed: (...why) => facade.fail(...why),
  });
  return new CoreProxy(attachment);
}

async function greeting(
  url: string,
  kinds: readonly Kind[],
  { identity, token, onSessionReplaced, callTimeout, maxBackoff, reconnect, carryOver }: ConnectOptions<never>,
  time: number,
  version: string,
): Promise<Omit<Hello, "lock" | "isVisible" | "isAgain">> {
  const deadline = clock() + time;
  const address = absolute(url);
  const table = kinds.map(({ name, class: of, fingerprint, outline }) => ({
    name,
    class: of,
    fingerprint,
    ...(outline !== undefined && { outline }),
  }));
  const digest = await hash(kinds.map((kind) => [kind.name, kind.class, kind.fingerprint]));
  return {
    type: "hello",
    version,
    name: `twinwire ${version} ${digest} ${address} ${identity ?? ""}`,
    url: address,
    kinds: table,
    deadline,
    options: { callTimeout, maxBackoff, reconnect, carryOver },
    gives: { token: token !== undefined, replaced: onSessionReplaced !== undefined },
  };
}

/** Returns the address as it is for the page: the worker's script may be elsewhere. */
function absolute(url: string): string {
  try {
    return new URL(url, location.href).href;
  } catch {
    // The module has the error of it.
    return url;
  }
}

async function hash(value: unknown): Promise<string> {
  const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(JSON.stringify(value)));
  const digits = Array.from(new Uint8Array(bytes, 0, 8), (byte) => byte.toString(16).padStart(2, "0"));
  return digits.join("");
}

async function start(name: string): Promise<SharedWorker> {
  const options = { type: "module", name } as const;
  // Vite before 8 doesn't move the worker along when it moves the package's scripts, for development: see address.ts.
  const { href } = new URL("./core_bg.wasm", import.meta.url);
  const dist = href.replace(/^(.*(?=\/node_modules\/)|\w+:\/\/[^/]+).*\/deps\/.*/, "$1/node_modules/twinwire/dist/worker.js");
  const found = dist === href ? undefined : await fetch(dist, { method: "HEAD" }).catch(() => undefined);
  if (found?.headers.get("content-type")?.includes("javascript")) {
    return new SharedWorker(dist, options);
  }
  // In the words that bundlers know.
  return new SharedWorker(new URL("./worker.js", import.meta.url), { type: "module", name });
}
