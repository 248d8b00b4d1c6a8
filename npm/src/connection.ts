// What the clients of one connection share.

import { Bridge, type First } from "./bridge.js";
import type { CallContext, Client, ConnectOptions, SessionLost, State } from "./client.js";
import { ABANDONED, ERROR, type End, FAILED, VALUE, connectError, end } from "./codes.js";
import { bytesOf } from "./config.js";
import type { Core } from "./core.js";
import { ApplicationError, ConnectError, TwinwireError } from "./errors.js";
import { decode, text, toHex, write } from "./json.js";
import type { Kind } from "./kinds.js";
import { What, report } from "./tell.js";

const LOSSES: readonly SessionLost[] = ["restarted", "ended", "evicted", "unknown"];

export type Handler = (request: unknown, context: CallContext) => unknown;

/** What the clients of one connection share: the one that an application has, and those of `onSessionReplaced`. */
export class Connection {
  readonly bridge = new Bridge();
  readonly places = new Map<string, number>();
  readonly handlers = new Map<number, { kind: Kind; handler: Handler; keeps: unknown }>();
  readonly calls = new Map<number, AbortController>();
  state: State = { type: "connecting" };
  /** The client itself, once somebody waits for what only an open client can tell. */
  held: unknown;
  /** Tells the client of a new state. */
  changed: () => void = () => {};
  readonly callTimeout: number;
  /** Aborted when the client is over. */
  readonly #over = new AbortController();
  /** The token that the application was asked for and hasn't given yet. */
  #asking: Promise<Uint8Array | undefined> | undefined;
  /** Gives up the `onSessionReplaced` that is running, if one is. */
  #giveUpReplacement: () => void = () => {};
  /** What the function that gives tokens threw, when it was asked last. */
  #tokenError: unknown;
  readonly closed: Promise<End>;
  #isClosed: (end: End) => void = () => {};
  /** Rejected with a {@link ConnectError}. */
  connected: Promise<void> | undefined;
  #isConnected: (error?: unknown) => void = () => {};

  constructor(
    private readonly url: string,
    private readonly options: ConnectOptions<never>,
    /** Makes a client whose requests go first. */
    private readonly first: (first: First) => Client<never>,
  ) {
    this.callTimeout = options.callTimeout ?? 30_000;
    this.closed = new Promise((resolve) => {
      this.#isClosed = resolve;
    });
  }

  open(core: Core): void {
    this.connected = new Promise((resolve, reject) => {
      this.#isConnected = (error) => (error === undefined ? resolve() : reject(error));
    });
    // It is awaited, but for one whose `register` throws.
    this.connected.catch(() => undefined);
    this.bridge.open(core, this);
  }

  /** Rejects `connected`. */
  fail(code: string, why: string, retry: number | undefined): void {
    this.#isConnected(new ConnectError(code, why, retry));
  }

  hear(what: What, id: number, code: number, a: number, b: number, bytes: Uint8Array): void {
    switch (what) {
      case What.State:
        this.#tellState(id, code, a, b, bytes);
        break;
      case What.Connected:
        this.#isConnected();
        break;
      case What.NotConnected: {
        const why = end(code, a, b, text(bytes), this.#tokenError);
        this.#isConnected(connectError(this.url, why));
        break;
      }
      case What.Call:
        this.#call(id, code, bytes);
        break;
      case What.Cancelled:
        this.#cancel(id);
        break;
      case What.Token:
        // The module is at work, and can't be answered now.
        queueMicrotask(() => void this.#token(id));
        break;
      case What.SessionReplaced:
        queueMicrotask(() => void this.#sessionReplaced(id, LOSSES[code] ?? "unknown"));
        break;
    }
  }

  #tellState(number: number, code: number, a: number, b: number, bytes: Uint8Array): void {
    const SESSION = 16;
    if (number === 0) {
      this.state = { type: "connecting" };
    } else if (number === 1) {
      const session = toHex(bytes.subarray(0, SESSION));
      this.state = { type: "open", session, peer: toHex(bytes.subarray(SESSION)) };
    } else if (number === 2) {
      this.state = { type: "paused" };
    } else if (number === 3) {
      const why = end(code, a, b, text(bytes), this.#tokenError);
      this.state = { type: "closed", end: why };
      this.#end(why);
      // What is pending has been told by then, or is in the turns that are due.
      setTimeout(() => {
        this.#isConnected(connectError(this.url, why));
        this.bridge.close();
      });
    } else {
      const cause = end(code, a, 0, text(bytes), this.#tokenError);
      this.state = { type: "resuming", attempt: number - 3, wait: b, cause };
    }
    queueMicrotask(() => this.changed());
  }

  #call(id: number, place: number, bytes: Uint8Array): void {
    const registered = this.handlers.get(place);
    if (registered === undefined) {
      return;
    }
    const { kind, handler } = registered;
    const payload = bytes.slice();
    const controller = new AbortController();
    this.calls.set(id, controller);
    queueMicrotask(async () => {
      const [code, answer] = await answered(kind, handler, payload, controller.signal);
      if (this.calls.delete(id)) {
        this.bridge.answer(id, code, answer);
      }
    });
  }

  #cancel(id: number): void {
    const call = this.calls.get(id);
    this.calls.delete(id);
    const why = new TwinwireError("cancelled", "the server wants no answer");
    // Its listeners are the application's, and the module is at work.
    queueMicrotask(() => call?.abort(why));
  }

  async #token(id: number): Promise<void> {
    this.#asking ??= this.#ask();
    const asking = this.#asking;
    this.bridge.token(id, await asking);
    if (this.#asking === asking) {
      this.#asking = undefined;
    }
  }

  async #ask(): Promise<Uint8Array | undefined> {
    try {
      const from = this.options.token;
      const given = typeof from === "function" ? await from({ signal: this.#over.signal }) : from;
      this.#tokenError = undefined;
      return given === undefined ? undefined : bytesOf(given);
    } catch (error) {
      this.#tokenError = error;
      return undefined;
    }
  }

  async #sessionReplaced(id: number, why: SessionLost): Promise<void> {
    this.#giveUpReplacement();
    const first: First = { core: this.bridge.first(), isStale: false };
    const controller = new AbortController();
    const release = () => {
      // Whoever has kept that client goes on with a place in the line.
      first.core?.free();
      first.core = undefined;
    };
    this.#giveUpReplacement = () => {
      first.isStale = true;
      release();
      controller.abort();
    };
    try {
      if (first.core !== undefined) {
        await this.options.onSessionReplaced?.(this.first(first), why, { signal: controller.signal });
      }
    } catch (error) {
      console.error(`onSessionReplaced of the client of ${this.url} failed; its session goes on:`, error);
    }
    this.bridge.replacementDone(id);
    if (!first.isStale) {
      release();
      this.#giveUpReplacement = () => {};
    }
  }

  /** Resolves `closed`, and aborts what is of no use to a client that is over. */
  #end(end: End): void {
    // Its listeners are the application's, and the module may be at work.
    queueMicrotask(() => {
      this.#over.abort();
      this.#giveUpReplacement();
      this.#isClosed(end);
    });
  }

  /** Is over without a word of the module's, which is let go. */
  abandon(): void {
    if (this.state.type !== "closed") {
      this.state = { type: "closed", end: end(ABANDONED, -1, 0, "") };
      this.#end(this.state.end);
    }
    this.bridge.close();
  }
}

/** What a handler answers: a value, the application's error, or that it failed. */
async function answered(
  kind: Kind,
  handler: Handler,
  payload: Uint8Array,
  signal: AbortSignal,
): Promise<readonly [number, string]> {
  const { name, codec } = kind;
  try {
    const request = decode(name, payload, codec?.request);
    // A handler without a value answers `null`, which is how `()` travels.
    const reply = (await handler(request, { signal })) ?? null;
    return [VALUE, write(name, reply, codec?.reply)];
  } catch (error) {
    try {
      // That of a call by the handler itself has another kind's type.
      if (error instanceof ApplicationError && error.kind === undefined) {
        return [ERROR, write(name, error.data, codec?.error)];
      }
      report(error);
    } catch (unwritable) {
      report(unwritable);
    }
    return [FAILED, ""];
  }
}
