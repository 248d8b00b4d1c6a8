// The module's one import: what becomes of requests comes in here, and goes to the client that it is about.

/** Hears what the module tells about one client. */
export interface Listener {
  hear(what: What, id: number, code: number, a: number, b: number, bytes: Uint8Array): void;
}

/** What the module tells. `wasm/src/facade.rs` has the same numbers, and says what comes with each. */
export const enum What {
  Settled,
  Item,
  Joined,
  Publication,
  Gap,
  NewEpoch,
  NotRejoined,
  Ended,
  Event,
  Call,
  Cancelled,
  Invited,
  State,
  Connected,
  NotConnected,
  Token,
  SessionReplaced,
  Wake,
}

const listeners = new Map<number, Listener>();
let last = 0;

/** Gives a listener the number by which the module knows it. */
export function register(listener: Listener): number {
  last += 1;
  listeners.set(last, listener);
  return last;
}

/** Forgets a listener, of whose client nothing comes any more. */
export function forget(client: number): void {
  listeners.delete(client);
}

/** Called by the module. An exception must not reach it: it would leave the module's state half changed. */
export function tell(
  client: number,
  what: What,
  id: number,
  code: number,
  a: number,
  b: number,
  bytes: Uint8Array,
): void {
  try {
    listeners.get(client)?.hear(what, id, code, a, b, bytes);
  } catch (error) {
    report(error);
  }
}

/** Reports an error that nobody can catch, as an uncaught one: that is what becomes of what an EventTarget's listener throws. */
export function report(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
