// A connection in a worker, and the tabs that share it.

import { Bridge, DRAIN, type ClientListener, type First } from "./bridge.js";
import { CLOSED, Given, NOT_RECEIVED } from "./codes.js";
import { started } from "./config.js";
import type { Core } from "./core.js";
import { Invitees } from "./invitees.js";
import { Timer } from "./pending.js";
import { type Duty, type Hello, type Request, type ToWorker, type Told, clock } from "./port.js";
import { Relay } from "./relay.js";
import type { Tab, TabListener } from "./tab.js";
import { What } from "./tell.js";

/** The states' numbers, as the module tells them. */
const PAUSED_STATE = 2;
const CLOSED_STATE = 3;

/** The id of an `onSessionReplaced` that the module didn't ask for: its own begin with 1. */
const REPLACED = 0;

/** The number of the reason `unknown`, for which a session was lost. */
const UNKNOWN_LOSS = 3;

const NONE = new Uint8Array();

/** A job for all tabs that one of them was given, and hasn't done. */
interface Task {
  readonly told: Told;
  readonly tab: Tab;
}

/** The only client of the worker's tabs that name one connection. */
export class Host implements ClientListener, TabListener {
  readonly #bridge = new Bridge();
  /** Those in front last: the one that a person looked at last, or that came last. */
  readonly #tabs: Tab[] = [];
  #state: Told | undefined;
  #isConnected = false;
  readonly #calls = new Map<number, Tab>();
  readonly #invitees = new Map<number, Invitees<Tab>>();
  readonly #handled = new Set<number>();
  readonly #tasks = new Map<Duty, Task>();
  #first: First | undefined;
  /** Requests that wait for `onSessionReplaced`, if this connection replaces one of a worker or a tab that is gone. Else the module holds them back. */
  #held: Relay[] | undefined;

  /** Starts to connect, as the first tab has it. Throws a {@link ConnectError} if its kinds can't be declared. */
  constructor(
    hello: Hello,
    /** Called once no tab can join any more. */
    private readonly ends: () => void,
  ) {
    const { url, kinds, options, gives, isAgain } = hello;
    const token = gives.token ? () => undefined : undefined;
    const facade = { bridge: this.#bridge, places: new Map<string, number>() };
    const connectTimeout = timeLeft(hello);
    this.#held = isAgain ? [] : undefined;
    const core = started(facade, url, kinds, { ...options, connectTimeout, token, onSessionReplaced: () => {} });
    this.#bridge.open(core, this);
  }

  /** Adds a tab, and tells it where the connection stands. */
  join(tab: Tab, lock: string): void {
    tab.listener = this;
    const isFirst = this.#tabs.length === 0;
    if (tab.hello.isVisible) {
      this.#tabs.push(tab);
    } else {
      this.#tabs.unshift(tab);
    }
    tab.post({ type: "welcome", lock });
    if (this.#state !== undefined) {
      tab.tell(this.#state);
    }
    if (this.#isConnected) {
      tab.tell(told(What.Connected));
    } else if (!isFirst) {
      // The module has the time of the first.
      const late = () => this.#isConnected || tab.tell(told(What.NotConnected, 0, Given.TimedOut));
      const timer = setTimeout(late, timeLeft(tab.hello));
      tab.part.signal.addEventListener("abort", () => clearTimeout(timer));
    }
    this.#pauseOrResume();
  }

  take(tab: Tab, message: Exclude<ToWorker, Hello>): void {
    if (tab.isGone) {
      return;
    }
    switch (message.type) {
      case "request":
        this.#request(tab, message);
        break;
      case "abort":
        this.#abort(tab, message.id);
        break;
      case "taken":
        this.#taken(tab, message);
        break;
      case "handle":
        this.#handle(tab, message.kind);
        break;
      case "answer":
        if (this.#calls.get(message.id) === tab) {
          this.#calls.delete(message.id);
          this.#bridge.answer(message.id, message.code, message.payload);
        }
        break;
      case "token":
        if (this.#done("token", tab, message.id)) {
          this.#bridge.token(message.id, message.token);
        }
        break;
      case "replacement_done":
        if (this.#done("replaced", tab, message.id)) {
          this.#replacementDone(message.id);
        }
        break;
      case "front":
        this.#tabs.push(...this.#tabs.splice(this.#tabs.indexOf(tab), 1));
        break;
      case "reconnect_now":
        tab.isPaused = false;
        this.#core?.reconnect_now();
        break;
      case "pause":
        tab.isPaused = true;
        this.#pauseOrResume();
        break;
      case "close":
        this.#close(tab);
        break;
      case "leave":
        this.leave(tab);
        break;
    }
  }

  /** The number of the server's events that nobody listened to. */
  get droppedEvents(): number {
    return this.#core?.dropped_events() ?? 0;
  }

  hear(what: What, id: number, code: number, a: number, b: number, bytes: Uint8Array): void {
    const told: Told = { what, id, code, a, b, bytes: bytes.slice() };
    switch (what) {
      case What.State:
        this.#tellState(told);
        break;
      case What.Connected:
        this.#isConnected = true;
        this.#tellAll(told);
        if (this.#held !== undefined && !this.#ask("replaced", { ...told, what: What.SessionReplaced, id: REPLACED, code: UNKNOWN_LOSS })) {
          queueMicrotask(() => this.#release());
        }
        break;
      case What.NotConnected:
        this.ends();
        this.#tellAll(told);
        break;
      case What.Call:
        this.#call(told);
        break;
      case What.Cancelled:
        this.#calls.get(id)?.tell(told);
        this.#calls.delete(id);
        break;
      case What.Token:
        if (!this.#ask("token", told)) {
          queueMicrotask(() => this.#bridge.token(id, undefined));
        }
        break;
      case What.SessionReplaced:
        // The module is at work, and can't be asked now.
        queueMicrotask(() => this.#sessionReplaced(told));
        break;
    }
  }

  /** Removes a tab, and gives up its requests. */
  leave(tab: Tab): void {
    for (const [id] of tab.relays) {
      this.#abort(tab, id);
    }
    this.#forget(tab);
  }

  advanced(tab: Tab): void {
    if (tab.isClosing && !tab.isInLine) {
      queueMicrotask(() => this.#end(tab));
    }
  }

  lags(tab: Tab): void {
    tab.tell(told(What.State, CLOSED_STATE, Given.TooSlow, 0));
    // The module is at work.
    queueMicrotask(() => {
      tab.flush();
      this.leave(tab);
    });
  }

  get #core(): Core | undefined {
    return this.#bridge.core;
  }

  #tellAll(told: Told): void {
    for (const tab of this.#tabs) {
      tab.tell(told);
    }
  }

  #tellState(told: Told): void {
    this.#state = told;
    if (told.id !== CLOSED_STATE) {
      this.#tellAll(told);
      return;
    }
    this.ends();
    // What is pending has been told by then, or is in the turns that are due: tabs hear of the end after it.
    setTimeout(() => {
      this.#bridge.close();
      this.#tellAll(told);
    });
  }

  #request(tab: Tab, { id, request, first }: Extract<ToWorker, { type: "request" }>): void {
    if (request.type === "invitations") {
      this.#invited(request.kind).add(tab, id);
      return;
    }
    const isStale = first !== undefined && first !== this.#tasks.get("replaced")?.told.id;
    if (isStale) {
      tab.started(id);
      tab.tell(told(What.Settled, id, NOT_RECEIVED, 0));
      return;
    }
    const others = () => (request.type === "subscribe" ? this.#readers(tab, request) : []);
    const relay = new Relay(this.#bridge, tab, id, request, () => others().length > 0);
    tab.relays.set(id, relay);
    if (this.#held !== undefined && first === undefined && request.type !== "listen") {
      this.#held.push(relay);
    } else {
      relay.begin(first === undefined ? undefined : this.#first);
    }
    // Who stood still has read alone until now.
    for (const reader of others()) {
      reader.wake();
    }
  }

  /** Returns the readers of a topic in other tabs. */
  #readers(tab: Tab, { kind, key }: Extract<Request, { type: "subscribe" }>): Relay[] {
    const others = this.#tabs.filter((other) => other !== tab);
    const relays = others.flatMap((other) => [...other.relays.values()]);
    return relays.filter(
      ({ request }) => request.type === "subscribe" && request.kind === kind && request.key === key,
    );
  }

  #invited(kind: number): Invitees<Tab> {
    const invitees = this.#invitees.get(kind) ?? new Invitees<Tab>(this.#bridge, kind, this.#tabs);
    this.#invitees.set(kind, invitees);
    return invitees;
  }

  #abort(tab: Tab, id: number): void {
    const relay = tab.relays.get(id);
    tab.relays.delete(id);
    relay?.abort();
    for (const [kind, invitees] of this.#invitees) {
      if (invitees.has(tab, id)) {
        this.#uninvite(tab, kind, id);
      }
    }
  }

  #uninvite(tab: Tab, kind: number, id?: number): void {
    const invitees = this.#invitees.get(kind);
    if (invitees?.remove(tab, id) === false) {
      invitees.abort();
      this.#invitees.delete(kind);
    }
  }

  #taken(tab: Tab, { id, cost }: Extract<ToWorker, { type: "taken" }>): void {
    tab.relays.get(id)?.taken(cost);
    for (const invitees of this.#invitees.values()) {
      invitees.taken(tab, id);
    }
  }

  #handle(tab: Tab, kind: number): void {
    tab.handled.add(kind);
    if (!this.#handled.has(kind)) {
      this.#handled.add(kind);
      this.#core?.handle(kind);
    }
  }

  /** Gives a call of the server's to the tab in front, of those that take it. */
  #call(told: Told): void {
    const tab = last(this.#tabs, ({ handled }) => handled.has(told.code));
    if (tab === undefined) {
      // The module is at work.
      queueMicrotask(() => this.#bridge.answer(told.id, Given.NoHandler, ""));
      return;
    }
    this.#calls.set(told.id, tab);
    tab.tell(told);
  }

  /** Gives a job to the tab that has it already, or else to the one in front of those that can. False if none can. */
  #ask(duty: Duty, told: Told): boolean {
    const tab = this.#tasks.get(duty)?.tab ?? last(this.#tabs, ({ hello }) => hello.gives[duty]);
    if (tab === undefined) {
      this.#tasks.delete(duty);
      return false;
    }
    this.#tasks.set(duty, { told, tab });
    tab.tell(told);
    return true;
  }

  #done(duty: Duty, tab: Tab, id: number): boolean {
    const task = this.#tasks.get(duty);
    return task?.tab === tab && task.told.id === id && this.#tasks.delete(duty);
  }

  #sessionReplaced(told: Told): void {
    this.#first?.core?.free();
    this.#first = { core: this.#bridge.first(), isStale: false };
    if (!this.#ask("replaced", told)) {
      this.#replacementDone(told.id);
    }
  }

  #replacementDone(id: number): void {
    this.#bridge.replacementDone(id);
    this.#release();
  }

  /** Begins the requests that waited for `onSessionReplaced`. */
  #release(): void {
    this.#first?.core?.free();
    this.#first = undefined;
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const relay of held) {
      relay.begin(undefined);
    }
  }

  /** Pauses the connection if all of its tabs have, else ends a pause. */
  #pauseOrResume(): void {
    if (this.#tabs.length > 0 && this.#tabs.every(({ isPaused }) => isPaused)) {
      this.#core?.pause();
    } else if (this.#state?.id === PAUSED_STATE) {
      this.#core?.reconnect_now();
    }
  }

  /** Closes a tab's part once its requests have left the line, and the connection with the last. */
  #close(tab: Tab): void {
    tab.isClosing = true;
    if (this.#tabs.every(({ isClosing }) => isClosing)) {
      this.#sayGoodbye();
      return;
    }
    const timer = setTimeout(() => this.#end(tab), DRAIN);
    tab.part.signal.addEventListener("abort", () => clearTimeout(timer));
    this.advanced(tab);
  }

  /** Ends a tab's part as if its connection had been closed. Its calls, events and publications go on for as long as a goodbye may take. */
  #end(tab: Tab): void {
    // With the last tab the connection ends, which tells all by itself.
    if (tab.isGone || this.#tabs.every(({ isClosing }) => isClosing)) {
      return;
    }
    for (const [id, relay] of tab.relays) {
      relay.settle(relay.isStarted ? Given.Unknown : CLOSED);
      if (relay.isStarted && ["call", "send", "publish"].includes(relay.request.type)) {
        relay.orphan();
        tab.relays.delete(id);
        setTimeout(() => relay.abort(), DRAIN);
      }
    }
    tab.tell(told(What.State, CLOSED_STATE, Given.Done));
    tab.flush();
    this.leave(tab);
  }

  #sayGoodbye(): void {
    this.ends();
    this.#bridge.drain((core) => core.close());
  }

  /** Removes a tab from the connection; its jobs go to others. */
  #forget(tab: Tab): void {
    const place = this.#tabs.indexOf(tab);
    if (place < 0) {
      return;
    }
    this.#tabs.splice(place, 1);
    for (const kind of [...this.#invitees.keys()]) {
      this.#uninvite(tab, kind);
    }
    for (const [id, of] of this.#calls) {
      if (of === tab) {
        // Its handler may have run: another tab's would run it twice.
        this.#calls.delete(id);
        this.#bridge.answer(id, Given.Gone, "");
      }
    }
    this.#handOver(tab);
    tab.leave();
    if (this.#tabs.every(({ isClosing }) => isClosing)) {
      this.#sayGoodbye();
    } else {
      this.#pauseOrResume();
    }
  }

  /** Gives a tab's jobs to another; without one there is no token, and no `onSessionReplaced`. */
  #handOver(tab: Tab): void {
    for (const [duty, task] of this.#tasks) {
      if (task.tab !== tab) {
        continue;
      }
      this.#tasks.delete(duty);
      if (this.#ask(duty, task.told)) {
        continue;
      }
      if (duty === "token") {
        this.#bridge.token(task.told.id, undefined);
      } else {
        this.#replacementDone(task.told.id);
      }
    }
  }
}

/** Returns the milliseconds in which a tab is to be connected: one that comes back does so for as long as it takes. */
export function timeLeft({ deadline, isAgain }: Hello): number {
  return isAgain ? Timer.Longest : Math.min(deadline - clock(), Timer.Longest);
}

function last<T>(all: readonly T[], isIt: (one: T) => boolean): T | undefined {
  return all.filter(isIt).pop();
}

function told(what: What, id = 0, code = 0, a = -1): Told {
  return { what, id, code, a, b: 0, bytes: NONE };
}
