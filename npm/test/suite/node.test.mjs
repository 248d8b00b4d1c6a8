// The suite in Node, by the package `ws`.

import { test } from "node:test";

import { names, run } from "./cases.mjs";
import { place } from "./node.mjs";

for (const name of names) {
  test(name, { timeout: 60_000 }, () => run(name, place));
}
