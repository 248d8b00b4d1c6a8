// What every page does: one round trip, and its outcome is the page's text.
import type { connect as Connect } from "twinwire";

import { talk } from "./talk.js";

export function show(connect: typeof Connect): void {
  const asked = new URLSearchParams(location.search);
  talk(connect, asked.get("url") ?? "", asked.get("name") ?? "").then(
    (name) => (document.body.textContent = `joined as ${name}`),
    (error: unknown) => (document.body.textContent = String(error)),
  );
}
