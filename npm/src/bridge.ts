// Between a client's facade and the module: requests wait in line here, and what becomes of them finds who waits.

import { CLOSED, NOT_RECEIVED } from "./codes.js";
import type { Core } from "./core.js";
import { type Listener, What, forget, register, report } from "./tell.js";

/** Hears what becomes of one request. */
export interface Waiter {
  hear(what: What, code: number, a: number, b: number, bytes: Uint8Array): void;
  /** The module has something, or may soon. */
  wake(): void;
}

/** The ids of what each client has: how connecting ends, its states, its place in the line. */
const CONNECTING = 0;
const STATES = 1;
const WRITABLE = 2;

/** Milliseconds in which what waits for room may go before a goodbye: the module's session waits as long (`Limits::drain`). */
export const DRAIN = 2_000;

/** A request that waits for room. */
interface Start {
  readonly id: number;
  readonly start: (core: Core, id: number) => void;
}

/** Hears what is about the client itself. */
export interface ClientListener {
  hear(what: What, id: number, code: number, a: number, b: number, bytes: Uint8Array): void;
}

/** The module's client whose requests go before all others, for as long as `onSessionReplaced` runs. */
export interface First {
  core: Core | undefined;
  /** The application's client, which isn't collected before that of `onSessionReplaced`. */
  client?: unknown;
  /** True once the session is lost for which it ran. */
  isStale: boolean;
}

/** Where an iterator asks, and the client that isn't collected before it. */
export interface Owner {
  readonly bridge: Bridge;
  readonly client: unknown;
}

/** One client's line to the module. */
export class Bridge implements Listener {
  /** The number by which the module knows it. */
  readonly number: number;
  #core: Core | undefined;
  #client: ClientListener | undefined;
  #lastId = WRITABLE;
  #line: Start[] = [];
  #waitsForRoom = false;
  #isClosed = false;
  /** Called once nothing waits in line. */
  #drained: ((core: Core) => void) | undefined;
  #drain: ReturnType<typeof setTimeout> | undefined;
  readonly #waiters = new Map<number, Waiter | WeakRef<Waiter>>();

  constructor() {
    this.number = register(this);
  }

  /** Begins to connect. */
  open(core: Core, client: ClientListener): void {
    this.#core = core;
    this.#client = client;
    this.#poll(CONNECTING);
    while (core.poll(STATES));
  }

  /** The module's client, until it is let go. */
  get core(): Core | undefined {
    return this.#core;
  }

  /** Gives a waiter its id. */
  add(waiter: Waiter): number {
    this.#lastId += 1;
    this.#waiters.set(this.#lastId, waiter);
    return this.#lastId;
  }

  /** Makes a request as soon as there is room for it, after those that wait already; at once if it goes first. */
  start(id: number, start: Start["start"], first?: First): void {
    const core = first?.core;
    if (this.#isClosed || first?.isStale) {
      this.#endOne(id, this.#isClosed ? CLOSED : NOT_RECEIVED);
    } else if (core === undefined) {
      this.#line.push({ id, start });
      this.#advance();
    } else {
      start(core, id);
      this.#waiter(id)?.wake();
    }
  }

  /** Looks for what the module has under this id. True if there was something. */
  poll(id: number): boolean {
    return this.#core?.poll(id) ?? false;
  }

  /** Forgets a waiter whose request is over. */
  remove(id: number): void {
    this.#waiters.delete(id);
  }

  /** Gives up a request, wherever it is. */
  abort(id: number): void {
    this.#waiters.delete(id);
    const place = this.#line.findIndex((start) => start.id === id);
    if (place >= 0) {
      this.#line.splice(place, 1);
    } else {
      this.#core?.abort(id);
    }
    this.#advance();
  }

  /** Keeps a waiter only for as long as its holder does, or again for as long as the client lives. */
  hold(id: number, waiter: Waiter, weakly: boolean): void {
    if (this.#waiters.has(id)) {
      this.#waiters.set(id, weakly ? new WeakRef(waiter) : waiter);
    }
  }

  /** Answers a call of the server's, unless the client is gone. */
  answer(id: number, code: number, payload: string): void {
    this.#core?.answer(id, code, payload);
  }

  /** Gives a token that was asked for. */
  token(id: number, token: Uint8Array | undefined): void {
    this.#core?.token(id, token);
  }

  /** The client whose requests go before those that wait for the application's work. */
  first(): Core | undefined {
    return this.#core?.first();
  }

  /** The application is ready for the new session. */
  replacementDone(id: number): void {
    this.#core?.replacement_done(id);
  }

  /** Calls `done` once what waits in line is handed over, or has ended as `closed` because its time is up. Takes nothing more. */
  drain(done: (core: Core) => void): void {
    if (this.#isClosed) {
      return;
    }
    this.#isClosed = true;
    this.#drained = done;
    this.#drain = setTimeout(() => {
      for (const { id } of this.#line.splice(0)) {
        this.#endOne(id);
      }
      this.#advance();
    }, DRAIN);
    this.#advance();
  }

  /** Lets go of the module's client. What waits, and what is asked for from now on, ends as `closed`. */
  close(): void {
    forget(this.number);
    this.#core?.free();
    this.#core = undefined;
    this.#isClosed = true;
    clearTimeout(this.#drain);
    this.#line = [];
    for (const id of [...this.#waiters.keys()]) {
      this.#endOne(id);
    }
  }

  #endOne(id: number, code = CLOSED): void {
    const waiter = this.#waiter(id);
    this.#waiters.delete(id);
    waiter?.hear(What.Settled, code, -1, 0, new Uint8Array());
  }

  hear(what: What, id: number, code: number, a: number, b: number, bytes: Uint8Array): void {
    if (what === What.Wake) {
      // The module is at work, and can't be asked now.
      queueMicrotask(() => this.#wake(id));
    } else if (id === WRITABLE && what === What.Settled) {
      this.#waitsForRoom = false;
    } else if (what >= What.Call && what <= What.SessionReplaced && what !== What.Invited) {
      this.#client?.hear(what, id, code, a, b, bytes);
    } else {
      this.#waiter(id)?.hear(what, code, a, b, bytes);
    }
  }

  #wake(id: number): void {
    if (id > WRITABLE) {
      this.#waiter(id)?.wake();
    } else if (id === WRITABLE) {
      this.#poll(WRITABLE);
      this.#advance();
    } else {
      while (this.#poll(id) && id === STATES);
    }
  }

  #poll(id: number): boolean {
    return this.#core?.poll(id) ?? false;
  }

  #waiter(id: number): Waiter | undefined {
    const waiter = this.#waiters.get(id);
    return waiter instanceof WeakRef ? waiter.deref() : waiter;
  }

  /** Makes the requests for which there is room. */
  #advance(): void {
    while (!this.#waitsForRoom && this.#core !== undefined) {
      const next = this.#line[0];
      if (next === undefined) {
        break;
      }
      this.#waitsForRoom = true;
      this.#core.writable(WRITABLE);
      this.#poll(WRITABLE);
      if (!this.#waitsForRoom) {
        this.#line.shift();
        try {
          next.start(this.#core, next.id);
          this.#waiter(next.id)?.wake();
        } catch (error) {
          // It must not hold up those behind it.
          report(error);
          this.#endOne(next.id, NOT_RECEIVED);
        }
      }
    }
    if (this.#line.length === 0 && this.#core !== undefined) {
      const drained = this.#drained;
      this.#drained = undefined;
      drained?.(this.#core);
    }
  }
}
