import { Bridge, type First, type Owner } from "./bridge.js";
import {
  ABANDONED,
  CLOSED,
  DEADLINE,
  ERROR,
  type End,
  FAILED,
  UNDECLARED,
  VALUE,
  connectError,
  end,
  requestError,
} from "./codes.js";
import { Config, type Core } from "./core.js";
import { explained } from "./diagnosis.js";
import { asyncDispose, dispose } from "./dispose.js";
import { ApplicationError, ConnectError, TwinwireError } from "./errors.js";
import { Invitations } from "./invitations.js";
import { decode, encode, encodeKey, fromHex, text, toHex, write } from "./json.js";
import type { CallKind, EventKind, Kind, StreamKind, TopicKind } from "./kinds.js";
import { Pending } from "./pending.js";
import { Stream } from "./stream.js";
import { type SubscribeOptions, Subscription } from "./subscription.js";
import { What, report } from "./tell.js";

/** A secret that the server's `authenticate` judges: text, or bytes. */
export type Token = string | Uint8Array;

/** Why a session was lost. The Rust client's `Fresh` has the same. */
export type Fresh = "restarted" | "ended" | "evicted" | "unknown";

const FRESH: readonly Fresh[] = ["restarted", "ended", "evicted", "unknown"];

/** Where a client stands. */
export type State =
  | { readonly type: "connecting" }
  | { readonly type: "open"; readonly session: string; readonly peer: string }
  /** The connection is lost, and the client comes back: for the `attempt`th time, after `wait` milliseconds. */
  | { readonly type: "resuming"; readonly attempt: number; readonly wait: number; readonly cause: End }
  /** Without a connection until `reconnectNow`. */
  | { readonly type: "paused" }
  | { readonly type: "closed"; readonly end: End };

/** How to connect. */
export interface ConnectOptions<Kinds extends readonly Kind[] = readonly Kind[]> {
  /**
   * The token, or what gives one before each attempt to connect. An attempt for which it gives `undefined`, or throws, was in
   * vain, and another follows, which waits for the same answer if that is still to come; what it throws is the `cause` of the code `no_token`. A token that the server refuses is final.
   */
  readonly token?: Token | ((context: AskContext) => Token | undefined | PromiseLike<Token | undefined>) | undefined;
  /** Milliseconds until `connect` gives up, with the loading of the module (default: 30 000). */
  readonly connectTimeout?: number | undefined;
  /** Milliseconds in which calls are answered, also those that wait for a connection or for `onFresh` (default: 30 000). */
  readonly callTimeout?: number | undefined;
  /** The longest pause between two attempts, in milliseconds (default: 5 000). */
  readonly maxBackoff?: number | undefined;
  /** Whether the client comes back when its connection is lost (default: true). */
  readonly reconnect?: boolean | undefined;
  /** Whether requests that were never sent go to the session that replaces a lost one (default: true). */
  readonly carryOver?: boolean | undefined;
  /** Registers handlers and listeners before the server hears of the client, so that none of its first calls finds nobody. */
  readonly register?: ((client: Client<Kinds>) => void) | undefined;
  /**
   * Runs when a session is lost and another begins. The requests of the client that it gets go first; those of any other wait
   * until it is over: one that awaits them ends them at their deadline, and one that never ends holds everything up. What it
   * throws is told by `console.error`, and the session goes on. If that session is lost meanwhile, it begins again beside: then what
   * the client of the first asks for ends as `not_received`.
   */
  readonly onFresh?: ((client: Client<Kinds>, why: Fresh, context: AskContext) => void | PromiseLike<void>) | undefined;
  /** The constructor of WebSockets, where there is no global one: `ws` in Node 20. */
  readonly webSocket?: (new (url: string, protocols: string[]) => WebSocket) | undefined;
}

/** What the functions get that a client asks for something. */
export interface AskContext {
  /** Aborted when the answer is of no use any more: the client is closed, or the session lost for which it was asked. */
  readonly signal: AbortSignal;
}

/** A request that its maker can give up. */
export interface RequestOptions {
  /** Aborting it cancels the request. */
  readonly signal?: AbortSignal | undefined;
}

/** An event that is sent. */
export interface SendOptions extends RequestOptions {
  /** Only the newest event of this key matters: an earlier one that hasn't gone out yet is replaced. */
  readonly latest?: string | undefined;
}

/** What a handler of the server's calls gets besides the request. */
export interface CallContext {
  /** Aborted when the server wants no answer any more. */
  readonly signal: AbortSignal;
}

type Handler = (request: unknown, context: CallContext) => unknown;

/** One of the kinds that a client was connected with. */
type Of<Kinds extends readonly Kind[]> = Kinds[number];

/** What the clients of one connection share: the one that an application has, and those of `onFresh`. */
class Connection {
  readonly bridge = new Bridge();
  readonly places = new Map<string, number>();
  readonly handlers = new Map<number, { kind: Kind; handler: Handler; keeps: unknown }>();
  readonly calls = new Map<number, AbortController>();
  state: State = { type: "connecting" };
  /** Tells the client of a new state. */
  changed: () => void = () => {};
  readonly callTimeout: number;
  /** Aborted when the client is over. */
  readonly #over = new AbortController();
  /** The token that the application was asked for and hasn't given yet. */
  #asking: Promise<Uint8Array | undefined> | undefined;
  /** Gives up the `onFresh` that is running, if one is. */
  #giveUpFresh: () => void = () => {};
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
      case What.Fresh:
        queueMicrotask(() => void this.#fresh(id, FRESH[code] ?? "unknown"));
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

  async #fresh(id: number, why: Fresh): Promise<void> {
    this.#giveUpFresh();
    const first: First = { core: this.bridge.first(), isStale: false };
    const controller = new AbortController();
    const release = () => {
      // Whoever has kept that client goes on with a place in the line.
      first.core?.free();
      first.core = undefined;
    };
    this.#giveUpFresh = () => {
      first.isStale = true;
      release();
      controller.abort();
    };
    try {
      if (first.core !== undefined) {
        await this.options.onFresh?.(this.first(first), why, { signal: controller.signal });
      }
    } catch (error) {
      console.error(`onFresh of the client of ${this.url} failed; its session goes on:`, error);
    }
    this.bridge.refreshed(id);
    if (!first.isStale) {
      release();
      this.#giveUpFresh = () => {};
    }
  }

  /** Resolves `closed`, and aborts what is of no use to a client that is over. */
  #end(end: End): void {
    // Its listeners are the application's, and the module may be at work.
    queueMicrotask(() => {
      this.#over.abort();
      this.#giveUpFresh();
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

function bytesOf(token: Token): Uint8Array {
  if (token instanceof Uint8Array) {
    return token;
  }
  if (typeof token === "string") {
    return new TextEncoder().encode(token);
  }
  throw new TypeError("a token is a string or a Uint8Array: look at what is given as `token`");
}

const forgotten = new FinalizationRegistry<Connection>((connection) => connection.abandon());

/**
 * A client of a server. When its connection is lost it comes back by itself, and its session goes on: nothing is lost,
 * nothing comes twice, nothing changes places. Its `statechange` event tells that {@link state} has changed.
 *
 * Promises of its requests are rejected with a {@link TwinwireError}; none is left hanging.
 *
 * What the application's listeners and handlers throw is reported as uncaught, as by any EventTarget: a page's `window` has an
 * `error` event, and a Node process ends unless it listens to `uncaughtException`.
 */
export class Client<Kinds extends readonly Kind[] = readonly Kind[]> extends EventTarget {
  readonly #connection: Connection;
  readonly #first: First | undefined;

  /** @internal */
  constructor(connection: Connection, first?: First) {
    super();
    this.#connection = connection;
    this.#first = first;
  }

  /** Makes a call, and resolves with its reply. */
  async call<Request, Reply, Failure>(
    kind: CallKind<Request, Reply, Failure> & Of<Kinds>,
    request: Request,
    options?: RequestOptions,
  ): Promise<Reply> {
    const { name, codec } = kind;
    const place = this.#place(kind, "call");
    const payload = encode(name, request, codec?.request);
    const reply = (bytes: Uint8Array) => decode(name, bytes, codec?.reply) as Reply;
    const call = (core: Core, id: number) => core.call(id, place, payload);
    return this.#request(kind, options?.signal, reply, call, this.#connection.callTimeout);
  }

  /** Asks for a stream of items. Leaving its `for await` loop cancels it. */
  stream<Request, Item, Failure>(
    kind: StreamKind<Request, Item, Failure> & Of<Kinds>,
    request: Request,
    options?: RequestOptions,
  ): Stream<Item> {
    const place = this.#place(kind, "stream");
    const payload = encode(kind.name, request, kind.codec?.request);
    const { signal } = options ?? {};
    return new Stream(this.#owner, kind, place, payload, signal, this.#first);
  }

  /**
   * Sends an event. Resolves when it has arrived, in order; with `latest`, when it is on its way. It need not be awaited: then
   * nobody hears whether it failed. Aborting its signal takes it back while it waits for room before the session; later it only
   * stops the waiting, and the event arrives.
   */
  send<Event>(
    kind: EventKind<Event> & Of<Kinds>,
    event: Event,
    options?: SendOptions,
  ): Promise<void> {
    const sent = this.#send(kind, event, options ?? {});
    sent.catch(() => undefined);
    return sent;
  }

  async #send(kind: Kind, event: unknown, { signal, latest }: SendOptions): Promise<void> {
    const place = this.#place(kind, "event");
    const payload = encode(kind.name, event, kind.codec?.request);
    const send = (core: Core, id: number) => core.send(id, place, payload, latest);
    return this.#request<void>(kind, signal, () => undefined, send);
  }

  /**
   * Calls `listener` with each of the server's events of one kind, in order, beginning with those that came before. Returns
   * what ends that. A client that listens isn't collected before it is closed.
   */
  on<Event>(
    kind: EventKind<Event> & Of<Kinds>,
    listener: (event: Event) => void,
    options?: RequestOptions,
  ): () => void {
    const place = this.#place(kind, "event");
    const { signal } = options ?? {};
    const { bridge } = this.#connection;
    if (bridge.core === undefined || signal?.aborted) {
      return () => {};
    }
    const heard = new Pending<undefined>(bridge, kind, () => undefined, this, (bytes) => {
      listener(decode(kind.name, bytes, kind.codec?.request) as Event);
    });
    bridge.core.listen(heard.id, place);
    // The caller has its way to end that before the first event.
    queueMicrotask(() => heard.wake());
    const off = () => {
      signal?.removeEventListener("abort", off);
      heard.giveUp();
    };
    signal?.addEventListener("abort", off);
    return off;
  }

  /** Subscribes to a topic: an async iterable of updates. */
  subscribe<Key, Item>(
    kind: TopicKind<Key, Item> & Of<Kinds>,
    key: Key,
    options?: SubscribeOptions,
  ): Subscription<Item> {
    const place = this.#place(kind, "topic");
    const bytes = encodeKey(kind.name, key, kind.codec?.request);
    return new Subscription(this.#owner, kind, place, bytes, options ?? {}, this.#first);
  }

  /** Publishes to a topic. Resolves with the item's place in the topic's log, once the server has it there. */
  async publish<Key, Item>(
    kind: TopicKind<Key, Item> & Of<Kinds>,
    key: Key,
    item: Item,
  ): Promise<number> {
    const { name, codec } = kind;
    const place = this.#place(kind, "topic");
    const topic = encodeKey(name, key, codec?.request);
    const payload = encode(name, item, codec?.item);
    const offset = (_: Uint8Array, offset: number) => offset;
    return this.#request(kind, undefined, offset, (core, id) =>
      core.publish(id, place, topic, payload),
    );
  }

  /**
   * Answers the server's calls of one kind from now on; an earlier handler of the kind is replaced. A handler that throws an
   * {@link ApplicationError} answers with its data; whatever else it throws is reported, and the call refused as `panicked`.
   */
  handle<Request, Reply, Failure>(
    kind: CallKind<Request, Reply, Failure> & Of<Kinds>,
    handler: (request: Request, context: CallContext) => Reply | PromiseLike<Reply>,
  ): void {
    const place = this.#place(kind, "call");
    const { bridge, handlers } = this.#connection;
    handlers.set(place, { kind, handler: handler as Handler, keeps: this });
    bridge.core?.handle(place);
  }

  /** The topics of one kind into which the server puts this client from now on. */
  invitations<Key, Item>(kind: TopicKind<Key, Item> & Of<Kinds>): Invitations<Key, Item> {
    return new Invitations(this.#owner, kind, this.#place(kind, "topic"));
  }

  /** Measures a round trip to the server, in milliseconds. */
  async ping(options?: RequestOptions): Promise<number> {
    const kind = { name: "the ping", class: "call", fingerprint: "" } as const;
    const took = (_: Uint8Array, took: number) => {
      if (took < 0) {
        throw requestError(kind, this.state.type === "closed" ? CLOSED : DEADLINE, -1, new Uint8Array());
      }
      return took;
    };
    const ping = (core: Core, id: number) => core.ping(id);
    return this.#request(kind, options?.signal, took, ping, this.#connection.callTimeout);
  }

  /** Where the client stands now. */
  get state(): State {
    return this.#connection.state;
  }

  /** Resolves when the client is over, with the cause. */
  get closed(): Promise<End> {
    return this.#connection.closed;
  }

  /** Tries to come back now, or looks whether the connection is alive. */
  reconnectNow(): void {
    this.#live?.reconnect_now();
  }

  /** Gives the connection up until `reconnectNow`. What is asked for meanwhile waits. */
  pause(): void {
    this.#live?.pause();
  }

  /**
   * Says goodbye once what was asked for before is sent, and resolves when that is over. What can't be sent within two seconds
   * ends as `closed`, or as `not_received`.
   */
  close(): Promise<End> {
    const { bridge, closed } = this.#connection;
    if (this.#live !== undefined) {
      bridge.drain((core) => {
        const closing = new Pending<undefined>(bridge, undefined, () => undefined);
        core.close(closing.id);
        closing.wake();
      });
    }
    return closed;
  }

  /** Closes the client, and doesn't wait for that. */
  [dispose](): void {
    void this.close();
  }

  /** Closes the client. */
  async [asyncDispose](): Promise<void> {
    await this.close();
  }

  get #live(): Core | undefined {
    return this.state.type === "closed" ? undefined : this.#connection.bridge.core;
  }

  /** Whom iterators keep while somebody holds them, and where they ask. */
  get #owner(): Owner {
    return { bridge: this.#connection.bridge, client: this };
  }

  #place(kind: Kind, of: Kind["class"]): number {
    const place = this.#connection.places.get(kind.name);
    if (place === undefined || kind.class !== of) {
      throw requestError(kind, UNDECLARED, -1, new Uint8Array());
    }
    return place;
  }

  #request<T>(
    kind: Kind,
    signal: AbortSignal | undefined,
    read: (bytes: Uint8Array, number: number) => T,
    start: (core: Core, id: number) => void,
    time?: number,
  ): Promise<T> {
    signal?.throwIfAborted();
    const { bridge } = this.#connection;
    const pending = new Pending(bridge, kind, read, this);
    bridge.start(pending.id, start, this.#first);
    return pending.settled(signal, time);
  }
}

/**
 * Connects a client, once the module is there.
 * @internal
 */
export function connectBy(ready: (time: number) => Promise<void>) {
  /**
   * Connects to a Twinwire server. Resolves when the server has welcomed the client; rejects with a {@link ConnectError}.
   *
   * @param url The address, which may be relative to the page: `"/ws"`.
   * @param kinds The kinds that the application speaks, of the file that is generated from its Rust types.
   */
  return async function connect<const Kinds extends readonly Kind[]>(
    url: string | URL,
    kinds: Kinds,
    options: ConnectOptions<Kinds> = {},
  ): Promise<Client<Kinds>> {
    const { connectTimeout = 30_000 } = options;
    const begun = performance.now();
    await ready(connectTimeout);
    const time = connectTimeout - (performance.now() - begun);
    const address = String(url);
    const first = (first: First) => new Client<never>(connection, first);
    const connection = new Connection(address, options as ConnectOptions<never>, first);
    try {
      const client = new Client<Kinds>(connection);
      const weak = new WeakRef(client);
      connection.changed = () => weak.deref()?.dispatchEvent(new Event("statechange"));
      forgotten.register(client, connection);
      connection.open(started(connection, address, kinds, { ...options, connectTimeout: time }));
      options.register?.(client);
      await connection.connected;
      return client;
    } catch (error) {
      connection.abandon();
      throw error instanceof ConnectError && error.code === "not_opened"
        ? await explained(error, address)
        : error;
    }
  };
}

function started<Kinds extends readonly Kind[]>(
  { bridge, places }: Connection,
  url: string,
  kinds: Kinds,
  options: ConnectOptions<Kinds>,
): Core {
  const config = configured(bridge.number, url, kinds, options, places);
  const core = config.connect(typeof options.token === "function", options.onFresh !== undefined);
  if (core === undefined) {
    throw new ConnectError("kinds", "the kinds can't be declared: two have one name, or they are more than 512");
  }
  return core;
}

const CLASSES = ["call", "stream", "event", "topic"];

function configured(
  number: number,
  url: string,
  kinds: readonly Kind[],
  options: ConnectOptions<never> | ConnectOptions,
  places: Map<string, number>,
): Config {
  const config = new Config(number, url);
  kinds.forEach(({ name, class: of, fingerprint, outline }, place) => {
    places.set(name, place);
    // The digits stand in the other order than the bytes on the wire.
    const bytes = fromHex(fingerprint).reverse();
    if (!config.kind(name, CLASSES.indexOf(of), bytes, outline)) {
      config.free();
      throw new ConnectError("kinds", `${name} is no kind: generate the file of kinds anew`);
    }
  });
  const { token, connectTimeout, maxBackoff, callTimeout, reconnect, carryOver } = options;
  if (token !== undefined && typeof token !== "function") {
    config.token(bytesOf(token));
  }
  if (options.webSocket !== undefined) {
    config.web_socket(options.webSocket);
  }
  config.times(connectTimeout ?? 30_000, maxBackoff ?? 5_000, callTimeout ?? 30_000);
  config.absence(reconnect ?? true, carryOver ?? true);
  return config;
}
