// One tab, as the worker sees it: what it has asked for, and the port to it.

import type { Hello, ToTab, Told } from "./port.js";
import type { Relay, Requester } from "./relay.js";

/** The cost of events that wait for a tab, above which it is put off: a page whose script stands still. */
const MOST_EVENTS = 1024 * 1024;

/** The connection of which a tab is part. */
export interface TabListener {
  /** The number of the server's events that nobody listened to. */
  readonly droppedEvents: number;
  /** Called when a request of the tab has left the line. */
  advanced(tab: Tab): void;
  /** Called when more events wait for the tab than may. */
  lags(tab: Tab): void;
}

export class Tab implements Requester {
  readonly relays = new Map<number, Relay>();
  /** The kinds of which it takes the server's calls. */
  readonly handled = new Set<number>();
  isPaused = false;
  isClosing = false;
  /** True once nothing may be posted to it. */
  isGone = false;
  /** Ends with its part in a connection. */
  readonly part = new AbortController();
  listener: TabListener | undefined;
  #droppedEvents = 0;
  #events = 0;
  #outbox: ToTab[] = [];

  constructor(
    private readonly port: MessagePort,
    readonly hello: Hello,
  ) {}

  /** Posts with whatever else is posted in this turn. */
  post(message: ToTab): void {
    if (this.#outbox.push(message) === 1) {
      queueMicrotask(() => this.flush());
    }
  }

  /** Posts what waits for the end of the turn. */
  flush(): void {
    const count = this.listener?.droppedEvents ?? 0;
    if (count !== this.#droppedEvents) {
      this.#droppedEvents = count;
      this.#outbox.push({ type: "dropped_events", count });
    }
    const messages = this.#outbox.splice(0);
    // A page in the cache of the back button is thrown out of it by a message.
    if (messages.length > 0 && !this.isGone) {
      this.port.postMessage(messages);
    }
  }

  tell(told: Told): void {
    this.post({ type: "told", told });
  }

  started(id: number): void {
    this.post({ type: "started", id });
    this.listener?.advanced(this);
  }

  finished(id: number): void {
    this.relays.delete(id);
  }

  eventsWait(cost: number): void {
    this.#events += cost;
    if (this.#events > MOST_EVENTS) {
      this.listener?.lags(this);
    }
  }

  /** True while requests of the tab wait in line. */
  get isInLine(): boolean {
    return [...this.relays.values()].some(({ isStarted, request }) => !isStarted && request.type !== "listen");
  }

  /** Ends its part: nothing is posted to it from now on. */
  leave(): void {
    this.isGone = true;
    this.part.abort();
    this.port.close();
  }
}
