// A page that shares its connection with the other tabs that show it: its text is the session.
import type { ConnectOptions, connect as Connect } from "twinwire";

import { kinds } from "./chat.js";

export function share(connect: typeof Connect, options: ConnectOptions<typeof kinds> = {}): void {
  const asked = new URLSearchParams(location.search);
  const sharing = { shared: true, identity: asked.get("name") ?? "", ...options };
  connect(asked.get("url") ?? "", kinds, sharing).then(
    ({ state }) => (document.body.textContent = state.type === "open" ? `session ${state.session}` : state.type),
    (error: unknown) => (document.body.textContent = String(error)),
  );
}
