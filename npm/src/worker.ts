// The script of the worker that holds the connections of many tabs. Elsewhere it does nothing.

import { source } from "./address.js";
import { version } from "./core.js";
import { ConnectError } from "./errors.js";
import { Host, timeLeft } from "./host.js";
import { holdLock, watchLock } from "./lock.js";
import { load } from "./module.js";
import type { Hello, ToWorker } from "./port.js";
import { Tab } from "./tab.js";

type Message = Exclude<ToWorker, Hello>;

/** The connections by their names. A worker that was started under another name may hold several. */
const hosts = new Map<string, Host>();

if ("SharedWorkerGlobalScope" in globalThis) {
  const lock = holdLock();
  addEventListener("connect", (event) => {
    const [port] = (event as MessageEvent).ports;
    if (port !== undefined) {
      meet(port, lock);
    }
  });
}

/** Listens to a tab, which says first who it is. */
function meet(port: MessagePort, lock: ReturnType<typeof holdLock>): void {
  let tab: Tab | undefined;
  let joined: Host | undefined;
  /** Messages that came before the tab could take part. */
  const early: Message[] = [];
  const take = (tab: Tab, message: Message) => {
    if (joined !== undefined) {
      joined.take(tab, message);
    } else if (message.type === "leave") {
      tab.leave();
    } else {
      early.push(message);
    }
  };
  const join = async (tab: Tab) => {
    try {
      const { name } = await lock;
      joined = await admitted(tab, name);
    } catch (error) {
      const { code = "worker", message, retry } = error as Partial<ConnectError>;
      tab.post({ type: "refused", code, message: message ?? String(error), retry });
      return;
    }
    for (const message of early.splice(0)) {
      take(tab, message);
    }
  };
  port.onmessage = ({ data }: MessageEvent<ToWorker[]>) => {
    for (const message of data) {
      if (message.type !== "hello") {
        tab !== undefined && take(tab, message);
        continue;
      }
      const greeted = new Tab(port, message);
      tab = greeted;
      watchLock(message.lock, () => take(greeted, { type: "leave" }), greeted.part.signal);
      void join(greeted);
    }
  };
}

/** Adds a tab to its connection, which begins with the first tab; undefined if the tab is gone by then. */
async function admitted(tab: Tab, lock: string): Promise<Host | undefined> {
  const { hello } = tab;
  if (hello.version !== version) {
    const both = `is of version ${version}, its page of version ${hello.version}`;
    throw new ConnectError("worker", `Twinwire's shared worker ${both}: serve both from one package, and reload the page`);
  }
  await load(source, timeLeft(hello));
  if (tab.isGone) {
    return undefined;
  }
  const host = hosts.get(hello.name) ?? begin(hello);
  host.join(tab, lock);
  return host;
}

function begin(hello: Hello): Host {
  const { name } = hello;
  const host: Host = new Host(hello, () => {
    if (hosts.get(name) === host) {
      hosts.delete(name);
    }
  });
  hosts.set(name, host);
  return host;
}
