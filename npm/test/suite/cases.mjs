// What a client must do, whatever it runs on: `testkit/suite` through the package. In Node and in pages.

import { calls } from "./calls.mjs";
import { connections } from "./connections.mjs";
import { events } from "./events.mjs";
import { faults } from "./faults.mjs";
import { Platform } from "./platform.mjs";
import { sockets } from "./sockets.mjs";
import { streams } from "./streams.mjs";
import { topics } from "./topics.mjs";

const cases = { ...calls, ...events, ...streams, ...topics, ...connections, ...faults, ...sockets };

export const names = Object.keys(cases);

/** Runs one case. */
export async function run(name, place) {
  const platform = new Platform(place);
  try {
    await cases[name](platform);
  } finally {
    await platform.end();
  }
}
