// One request of a tab, in the worker that makes it.

import type { Bridge, First, Waiter } from "./bridge.js";
import type { Core } from "./core.js";
import { type Request, type Told, cost } from "./port.js";
import { What } from "./tell.js";

/** Bytes that are told under one id before the tab takes them, as {@link cost} counts. */
const WINDOW = 64 * 1024;

/** The tab of a request. */
export interface Requester {
  tell(told: Told): void;
  /** Called when the request has left the line. */
  started(id: number): void;
  /** Called when nothing more comes under this id. */
  finished(id: number): void;
  /** Called with the cost of events that begin to wait for the tab, or, if it is negative, have ended to. */
  eventsWait(cost: number): void;
}

/** Tells the tab what becomes of its request, and waits for the tab where that may be much. */
export class Relay implements Waiter {
  isStarted = false;
  readonly #id: number;
  #untaken = 0;
  /** Publications that the tab misses, since it takes none and others wait. */
  #missed: { readonly from: number; to: number } | undefined;
  /** The tab, unless that goes while the request goes on. */
  #tab: Requester | undefined;

  constructor(
    private readonly bridge: Bridge,
    tab: Requester,
    private readonly tabId: number,
    readonly request: Request,
    /** Returns true if another tab reads the same topic. */
    private readonly isShared: () => boolean,
  ) {
    this.#tab = tab;
    this.#id = bridge.add(this);
  }

  /** Waits in line with the request, unless that was given up before; a listener needn't. */
  begin(first: First | undefined): void {
    if (this.#tab === undefined) {
      return;
    }
    if (this.request.type === "listen") {
      this.bridge.core?.listen(this.#id, this.request.kind);
      queueMicrotask(() => this.wake());
      return;
    }
    const start = (core: Core, id: number) => {
      this.isStarted = true;
      this.#tab?.started(this.tabId);
      make(core, id, this.request);
    };
    this.bridge.start(this.#id, start, first);
  }

  hear(what: What, code: number, a: number, b: number, bytes: Uint8Array): void {
    // The module's memory changes after this call.
    const told = { what, id: this.tabId, code, a, b, bytes: bytes.slice() };
    if (what === What.Settled || what === What.Ended) {
      this.bridge.remove(this.#id);
      this.#tab?.tell(told);
      this.#tab?.finished(this.tabId);
    } else if (this.#isFull && this.#misses(told)) {
      return;
    } else {
      this.#tell(told);
    }
  }

  wake(): void {
    if (!this.#isFull && this.#missed !== undefined) {
      const { from, to } = this.#missed;
      this.#missed = undefined;
      this.#tell({ what: What.Gap, id: this.tabId, code: 0, a: from, b: to, bytes: new Uint8Array() });
    }
    while ((!this.#isFull || this.#goesOn) && this.bridge.poll(this.#id));
  }

  /** Makes room for so much, which the tab has taken. */
  taken(cost: number): void {
    this.#untaken -= cost;
    if (this.request.type === "listen") {
      this.#tab?.eventsWait(-cost);
    }
    this.wake();
  }

  /** Gives the request up. */
  abort(): void {
    this.#tab = undefined;
    this.bridge.abort(this.#id);
  }

  /** Lets the request go on without its tab. */
  orphan(): void {
    this.#tab = undefined;
  }

  /** Tells the tab that the request is over, whatever becomes of it. */
  settle(code: number): void {
    const { type } = this.request;
    const what = ["subscribe", "listen"].includes(type) ? What.Ended : What.Settled;
    this.#tab?.tell({ what, id: this.tabId, code, a: -1, b: 0, bytes: new Uint8Array() });
  }

  get #isFull(): boolean {
    return this.#untaken >= WINDOW;
  }

  /** True if others wait for what is told here. */
  get #goesOn(): boolean {
    return this.request.type === "listen" || (this.request.type === "subscribe" && this.isShared());
  }

  /** Notes an update that the tab misses; false if the tab has to be told. */
  #misses({ what, a, b }: Told): boolean {
    if (what === What.NewEpoch) {
      this.#missed = undefined;
    }
    if (what !== What.Publication && what !== What.Gap) {
      return false;
    }
    this.#missed ??= { from: a, to: a };
    this.#missed.to = what === What.Gap ? b : a + 1;
    return true;
  }

  #tell(told: Told): void {
    const spent = cost(told);
    this.#untaken += spent;
    this.#tab?.tell(told);
    if (this.request.type === "listen") {
      this.#tab?.eventsWait(spent);
    }
  }
}

function make(core: Core, id: number, request: Request): void {
  switch (request.type) {
    case "call":
      core.call(id, request.kind, request.payload);
      break;
    case "stream":
      core.stream(id, request.kind, request.payload);
      break;
    case "send":
      core.send(id, request.kind, request.payload, request.latest);
      break;
    case "publish":
      core.publish(id, request.kind, request.key, request.item);
      break;
    case "subscribe": {
      const { kind, key, code, offset, epoch } = request;
      core.subscribe(id, kind, key, code, offset, epoch);
      break;
    }
    case "ping":
      core.ping(id);
      break;
    case "listen":
    case "invitations":
      break;
  }
}
