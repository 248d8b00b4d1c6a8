// A tab for the test to steer: it finds `join`, and then `client`, on `window`.
import type { ConnectOptions, connect as Connect } from "twinwire";

import * as suite from "./suite.js";

type Options = ConnectOptions<typeof suite.kinds>;

declare global {
  interface Window {
    toldItems: number;
  }
}

export function tab(connect: typeof Connect): void {
  const worker = (name: string) => {
    const worker = new SharedWorker("./twinwire/worker.js", { type: "module", name });
    // Counts what the worker tells of streams: 1 is the number of an item.
    worker.port.addEventListener("message", ({ data }) => {
      window.toldItems += data.filter(({ told }: { told?: { what: number } }) => told?.what === 1).length;
    });
    return worker;
  };
  const join = async (url: string, options: Options = {}, kinds: typeof suite.kinds = suite.kinds) => {
    const client = await connect(url, kinds, { shared: true, identity: "a person", worker, ...options });
    Object.assign(window, { client });
    return client.state;
  };
  Object.assign(window, { suite, join, toldItems: 0 });
}
