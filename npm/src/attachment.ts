// A tab's part in a connection that a worker holds: it ends with the worker or with the page, and begins anew.

import type { Bridge } from "./bridge.js";
import { Given } from "./codes.js";
import { holdLock, watchLock } from "./lock.js";
import { Timer } from "./pending.js";
import { type Hello, type Request, type ToTab, type ToWorker, type Told, cost } from "./port.js";
import { What } from "./tell.js";

/** Requests, and the characters in them, that wait in the worker's line for one tab. */
const MOST_WAITING = { requests: 64, length: 256 * 1024 };

/** Milliseconds until a worker that fell away, or didn't start, is tried again: at first, and at most. */
const PAUSE = { first: 250, longest: 5_000 };

/** The states' numbers, as the module tells them. */
const CONNECTING_STATE = 0;
const CLOSED_STATE = 3;
const RESUMING_STATE = 4;

const NONE = new Uint8Array();

/** A request that isn't over, as far as this tab knows. */
interface Open {
  request: Request;
  /** True once the worker may have it. */
  isPosted: boolean;
  /** True once the topic was joined. */
  isJoined: boolean;
  /** Updates that were told and aren't taken yet. */
  readonly inbox: Told[];
  /** The number of these that an earlier worker told: the present one counts none of them. */
  earlier: number;
}

type WorkerHandle = EventTarget & { readonly port: MessagePort };

/** The way from a tab to its worker. */
export interface Door {
  readonly hello: Promise<Omit<Hello, "lock" | "isVisible" | "isAgain">>;
  /** Starts the worker of this name, or finds it. */
  readonly start: (name: string) => WorkerHandle | Promise<WorkerHandle>;
  /** Milliseconds that the worker has to answer. */
  readonly time: number;
  /** True if a tab that has lost its worker takes another. */
  readonly comesBack: boolean;
  /** Called if no worker can be had, before there was one. */
  readonly failed: (code: string, why: string, retry: number | undefined) => void;
}

/** One tab's line to the worker. */
export class Attachment {
  /** The id of the `onSessionReplaced` that was asked for last. */
  replacementId = 0;
  droppedEvents = 0;
  #post: ((messages: ToWorker[]) => void) | undefined;
  #outbox: ToWorker[] = [];
  /** Ends the present attempt to take part, or that part. */
  #parting: AbortController | undefined;
  #isWelcome = false;
  #wasWelcome = false;
  #wasConnected = false;
  #isPaused = false;
  #isClosing = false;
  #failures = 0;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #waitsForRoom: number | undefined;
  /** The lengths of the requests that wait in the worker's line. */
  readonly #waiting = new Map<number, number>();
  readonly #open = new Map<number, Open>();
  readonly #handled = new Set<number>();
  /** The server's calls that are with this tab. */
  readonly #calls = new Set<number>();
  readonly #watching = new AbortController();

  constructor(
    private readonly bridge: Bridge,
    private readonly door: Door,
  ) {
    const { signal } = this.#watching;
    // Whoever holds a lock, or waits for one, isn't taken into the cache of the back button.
    addEventListener("pagehide", () => this.#part("leave"), { signal });
    addEventListener(
      "pageshow",
      ({ persisted }) => {
        if (persisted && this.#parting === undefined) {
          this.#lose();
        }
      },
      { signal },
    );
    const front = () => {
      if (document.visibilityState === "visible") {
        this.post({ type: "front" });
      }
    };
    addEventListener("focus", front, { signal });
    document.addEventListener("visibilitychange", front, { signal });
    void this.#attach();
  }

  /** Gives the facade the next thing that was told under this id. True if there was one. */
  poll(id: number): boolean {
    if (id === this.#waitsForRoom) {
      return this.#tellRoom(id);
    }
    const open = this.#open.get(id);
    const told = open?.inbox.shift();
    if (told === undefined) {
      return false;
    }
    if (isLast(told)) {
      this.#open.delete(id);
    } else if (open !== undefined && open.earlier > 0) {
      open.earlier -= 1;
    } else {
      this.post({ type: "taken", id, cost: cost(told) });
    }
    const { what, code, a, b, bytes } = told;
    this.bridge.hear(what, id, code, a, b, bytes);
    return true;
  }

  /** Waits until a request may be made. */
  writable(id: number): void {
    this.#waitsForRoom = id;
  }

  request(id: number, request: Request, first?: number): void {
    this.#open.set(id, { request, isPosted: false, isJoined: false, inbox: [], earlier: 0 });
    if (request.type !== "listen" && request.type !== "invitations" && first === undefined) {
      this.#waiting.set(id, lengthOf(request));
    }
    this.post({ type: "request", id, request, first });
  }

  abort(id: number): void {
    if (this.#open.delete(id)) {
      this.post({ type: "abort", id });
      this.#leftLine(id);
    }
  }

  handle(kind: number): void {
    this.#handled.add(kind);
    this.post({ type: "handle", kind });
  }

  answer(id: number, code: number, payload: string): void {
    if (this.#calls.delete(id)) {
      this.post({ type: "answer", id, code, payload });
    }
  }

  reconnectNow(): void {
    this.#isPaused = false;
    this.post({ type: "reconnect_now" });
    if (this.#retry !== undefined) {
      this.#attachAgain();
    }
  }

  pause(): void {
    this.#isPaused = true;
    this.post({ type: "pause" });
  }

  close(): void {
    this.#isClosing = true;
    if (this.#isWelcome) {
      this.post({ type: "close" });
    } else {
      this.#tellState(CLOSED_STATE, Given.Done);
    }
  }

  /** Ends the tab's part for good. */
  leave(): void {
    this.#watching.abort();
    this.#part("leave");
  }

  /** Posts with whatever else is posted in this turn; once the worker is there, if it isn't. */
  post(message: ToWorker): void {
    if (this.#outbox.push(message) === 1) {
      queueMicrotask(() => this.#flush());
    }
  }

  #flush(): void {
    if (this.#post === undefined || this.#outbox.length === 0) {
      return;
    }
    const messages = this.#outbox.splice(0);
    for (const message of messages) {
      const open = message.type === "request" ? this.#open.get(message.id) : undefined;
      if (open !== undefined) {
        open.isPosted = true;
      }
    }
    this.#post(messages);
  }

  /** Takes part, under a lock of its own. */
  async #attach(): Promise<void> {
    const parting = new AbortController();
    this.#parting = parting;
    const { signal } = parting;
    const late = () => this.#fail(`didn't answer within ${this.door.time} milliseconds`, "timed_out", this.#pause);
    const timer = setTimeout(late, Math.min(this.door.time, Timer.Longest));
    signal.addEventListener("abort", () => clearTimeout(timer));
    try {
      const [lock, hello] = await Promise.all([holdLock(), this.door.hello]);
      signal.addEventListener("abort", lock.release);
      const worker = signal.aborted ? undefined : await this.door.start(hello.name);
      if (signal.aborted || worker === undefined) {
        lock.release();
        worker?.port.close();
        return;
      }
      const { port } = worker;
      // It holds the worker too, whose errors would go unheard.
      signal.addEventListener("abort", () => worker.port.close());
      worker.addEventListener("error", () => this.#failUnless(signal, "didn't start: look whether its script is there"));
      port.onmessage = ({ data }: MessageEvent<ToTab[]>) => {
        for (const message of data) {
          if (!signal.aborted) {
            this.#hear(message, signal, timer);
          }
        }
      };
      this.#post = (messages) => port.postMessage(messages);
      const isVisible = document.visibilityState === "visible";
      this.#outbox.unshift({ ...hello, lock: lock.name, isVisible, isAgain: this.#wasConnected });
      this.#flush();
    } catch (error) {
      this.#failUnless(signal, `can't be reached: ${error}`);
    }
  }

  #hear(message: ToTab, signal: AbortSignal, timer: ReturnType<typeof setTimeout>): void {
    switch (message.type) {
      case "welcome":
        clearTimeout(timer);
        this.#isWelcome = true;
        this.#wasWelcome = true;
        this.#failures = 0;
        watchLock(message.lock, () => this.#lose(), signal);
        break;
      case "refused": {
        const { code, message: why, retry } = message;
        this.#end(code, why, retry);
        break;
      }
      case "told":
        this.#receive(message.told);
        break;
      case "started":
        this.#leftLine(message.id);
        break;
      case "dropped_events":
        this.droppedEvents = message.count;
        break;
    }
  }

  #receive(told: Told): void {
    const { what, id, code, a, b, bytes } = told;
    if (what >= What.Call && what <= What.SessionReplaced && what !== What.Invited) {
      if (what === What.Call) {
        this.#calls.add(id);
      } else if (what === What.Cancelled) {
        this.#calls.delete(id);
      } else if (what === What.SessionReplaced) {
        this.replacementId = id;
      } else if (what === What.State && id === CONNECTING_STATE && this.#wasConnected) {
        // As far as this tab can see it comes back.
        return;
      }
      this.#wasConnected ||= what === What.Connected;
      this.bridge.hear(what, id, code, a, b, bytes);
      return;
    }
    const open = this.#open.get(id);
    if (open === undefined) {
      return;
    }
    if (isLast(told)) {
      this.#leftLine(id);
    }
    const news = followed(open, told);
    if (news === undefined) {
      this.post({ type: "taken", id, cost: cost(told) });
    } else {
      this.#give(open, news);
    }
  }

  #give(open: Open, told: Told): void {
    open.inbox.push(told);
    this.bridge.hear(What.Wake, told.id, 0, 0, 0, NONE);
  }

  #leftLine(id: number): void {
    if (this.#waiting.delete(id) && this.#waitsForRoom !== undefined) {
      this.bridge.hear(What.Wake, this.#waitsForRoom, 0, 0, 0, NONE);
    }
  }

  #tellRoom(id: number): boolean {
    const lengths = [...this.#waiting.values()];
    const length = lengths.reduce((sum, length) => sum + length, 0);
    if (lengths.length >= MOST_WAITING.requests || length >= MOST_WAITING.length) {
      return false;
    }
    this.#waitsForRoom = undefined;
    this.bridge.hear(What.Settled, id, Given.Value, 0, 0, NONE);
    return true;
  }

  /** Begins anew without the worker, which is gone or has forgotten the tab: what can't begin again ends as `unknown`. */
  #lose(): void {
    this.#part();
    if (this.#isClosing || !this.door.comesBack) {
      this.#tellState(CLOSED_STATE, this.#isClosing ? Given.Done : Given.Lost);
      return;
    }
    this.#outbox = [];
    for (const id of this.#calls) {
      this.bridge.hear(What.Cancelled, id, 0, 0, 0, NONE);
    }
    this.#calls.clear();
    for (const kind of this.#handled) {
      this.post({ type: "handle", kind });
    }
    for (const [id, open] of this.#open) {
      const { request } = open;
      open.earlier = open.inbox.length;
      if (open.isPosted && !["subscribe", "listen", "invitations"].includes(request.type)) {
        this.#leftLine(id);
        this.#give(open, { what: What.Settled, id, code: Given.Unknown, a: -1, b: 0, bytes: NONE });
      } else if (!open.inbox.some(isLast)) {
        this.post({ type: "request", id, request, first: undefined });
      }
    }
    if (this.#isPaused) {
      this.post({ type: "pause" });
    }
    this.#tellState(RESUMING_STATE, Given.Lost);
    void this.#attach();
  }

  #tellState(state: number, code: number, wait = 0): void {
    this.bridge.hear(What.State, state, code, -1, wait, NONE);
  }

  /** Ends the present part; tells the worker so, if `leave` is given and it is there. */
  #part(why?: "leave"): void {
    if (why !== undefined) {
      this.#post?.([{ type: why }]);
    }
    this.#post = undefined;
    this.#isWelcome = false;
    this.#parting?.abort();
    this.#parting = undefined;
    clearTimeout(this.#retry);
    this.#retry = undefined;
  }

  #failUnless(signal: AbortSignal, why: string): void {
    if (!signal.aborted && !this.#isWelcome) {
      this.#fail(why);
    }
  }

  get #pause(): number {
    return Math.min(PAUSE.first * 2 ** this.#failures, PAUSE.longest);
  }

  /** Ends the client if there never was a worker; else tries again after a pause. */
  #fail(why: string, code = "worker", retry?: number): void {
    if (!this.#wasWelcome) {
      const next = "or give your own as the option `worker`, or connect without `shared`";
      this.#end(code, `Twinwire's shared worker ${why}, ${next}`, retry);
      return;
    }
    this.#part();
    const wait = this.#pause;
    this.#failures += 1;
    this.#tellState(RESUMING_STATE + this.#failures, Given.Lost, wait);
    this.#retry = setTimeout(() => this.#attachAgain(), wait);
  }

  #attachAgain(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    void this.#attach();
  }

  /** Ends the client, or its `connect`. */
  #end(code: string, why: string, retry: number | undefined): void {
    this.#part();
    if (this.#wasWelcome) {
      this.#tellState(CLOSED_STATE, Given.Lost);
    } else {
      this.door.failed(code, why, retry);
    }
  }
}

function isLast({ what }: Told): boolean {
  return what === What.Settled || what === What.Ended;
}

function lengthOf(request: Request): number {
  switch (request.type) {
    case "call":
    case "stream":
    case "send":
      return request.payload.length;
    case "publish":
      return request.key.length + request.item.length;
    case "subscribe":
      return request.key.length;
    default:
      return 0;
  }
}

/** Keeps where a subscription would begin again; returns what is told to the facade, if anything is. */
function followed(open: Open, told: Told): Told | undefined {
  const { request } = open;
  if (request.type !== "subscribe") {
    return told;
  }
  const { what, id, a, b, bytes } = told;
  const at = (offset: number, epoch = request.epoch) => {
    open.request = { ...request, code: 2, offset, epoch };
  };
  switch (what) {
    case What.Joined: {
      at(a, bytes);
      if (!open.isJoined) {
        open.isJoined = true;
        return told;
      }
      // Joined again, where the facade has no second answer to expect.
      if (bytes.some((byte, index) => byte !== request.epoch[index])) {
        return { ...told, what: What.NewEpoch };
      }
      return a > request.offset ? { what: What.Gap, id, code: 0, a: request.offset, b: a, bytes: NONE } : undefined;
    }
    case What.Publication:
      at(a + 1);
      break;
    case What.Gap:
      at(b);
      break;
    case What.NewEpoch:
      at(a, bytes);
      break;
  }
  return told;
}
