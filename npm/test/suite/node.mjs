// Node as the place of tests: the servers' ports come in variables, as `cargo xtask test npm` sets them.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

const e2e = createRequire(new URL("../../../e2e/package.json", import.meta.url));

export const WebSocket = e2e("ws");

export function port(name) {
  const variable = `TWINWIRE_TEST_${name ? `${name}_` : ""}PORT`;
  const found = process.env[variable];
  if (!found) throw new Error(`${variable} is not set: run \`cargo xtask test npm\``);
  return Number(found);
}

const reports = [];
process.setUncaughtExceptionCaptureCallback((error) => reports.push(String(error?.message)));

export const place = {
  reports,
  source: () => readFile(new URL("../../dist/core_bg.wasm", import.meta.url)),
  peer: port(""),
  wire: port("WIRE"),
  breaking: port("BREAKING"),
  webSocket: WebSocket,
};
