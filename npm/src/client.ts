import { Bridge } from "./bridge.js";
import { ERROR, type End, FAILED, UNDECLARED, VALUE, connectError, end, requestError } from "./codes.js";
import { Config, type Core } from "./core.js";
import { ApplicationError, ConnectError, TwinwireError } from "./errors.js";
import { Invitations } from "./invitations.js";
import { decode, encode, encodeKey, fromHex, text, toHex } from "./json.js";
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
  /** The token, or what gives one before each attempt to connect; without one the attempt was in vain. */
  readonly token?: Token | (() => Token | undefined | PromiseLike<Token | undefined>) | undefined;
  /** Milliseconds until `connect` gives up (default: 30 000). */
  readonly connectTimeout?: number | undefined;
  /** Milliseconds in which calls are answered (default: 30 000). */
  readonly callTimeout?: number | undefined;
  /** The longest pause between two attempts, in milliseconds (default: 5 000). */
  readonly maxBackoff?: number | undefined;
  /** Whether the client comes back when its connection is lost (default: true). */
  readonly reconnect?: boolean | undefined;
  /** Whether requests that were never sent go to the session that replaces a lost one (default: true). */
  readonly carryOver?: boolean | undefined;
  /** Registers handlers and listeners before the server hears of the client, so that none of its first calls finds nobody. */
  readonly register?: ((client: Client<Kinds>) => void) | undefined;
  /** Runs when a session is lost and another begins: the requests of the client that it gets go first. */
  readonly onFresh?: ((client: Client<Kinds>, why: Fresh) => void | PromiseLike<void>) | undefined;
  /** The constructor of WebSockets, where there is no global one: `ws` in Node 20. */
  readonly webSocket?: (new (url: string, protocols: string[]) => WebSocket) | undefined;
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
  readonly handlers = new Map<number, { kind: Kind; handler: Handler }>();
  readonly calls = new Map<number, AbortController>();
  state: State = { type: "connecting" };
  /** Tells the client of a new state. */
  changed: () => void = () => {};
  readonly closed: Promise<End>;
  #isClosed: (end: End) => void = () => {};
  isConnected: (error?: unknown) => void = () => {};

  constructor(
    private readonly url: string,
    private readonly options: ConnectOptions<never>,
    /** Makes a client whose requests go first. */
    private readonly first: (core: Core) => Client<never>,
  ) {
    this.closed = new Promise((resolve) => {
      this.#isClosed = resolve;
    });
  }

  hear(what: What, id: number, code: number, a: number, b: number, bytes: Uint8Array): void {
    switch (what) {
      case What.State:
        this.#tellState(id, code, a, b, bytes);
        break;
      case What.Connected:
        this.isConnected();
        break;
      case What.NotConnected: {
        const why = end(code, a, b, text(bytes));
        this.isConnected(connectError(this.url, why));
        break;
      }
      case What.Call:
        this.#call(id, code, bytes);
        break;
      case What.Cancelled:
        this.calls.get(id)?.abort(new TwinwireError("cancelled", "the server wants no answer"));
        this.calls.delete(id);
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
      const why = end(code, a, b, text(bytes));
      this.state = { type: "closed", end: why };
      this.#isClosed(why);
      // What is pending has been told by then, or is in the turns that are due.
      setTimeout(() => this.bridge.close());
    } else {
      const cause = end(code, a, 0, text(bytes));
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

  async #token(id: number): Promise<void> {
    let token: Token | undefined;
    try {
      const from = this.options.token;
      token = typeof from === "function" ? await from() : from;
    } catch (error) {
      report(error);
    }
    this.bridge.token(id, token === undefined ? undefined : bytesOf(token));
  }

  async #fresh(id: number, why: Fresh): Promise<void> {
    const core = this.bridge.first();
    try {
      if (core !== undefined) {
        await this.options.onFresh?.(this.first(core), why);
      }
    } catch (error) {
      report(error);
    }
    this.bridge.refreshed(id);
    core?.free();
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
    return [VALUE, encode(name, reply, codec?.reply)];
  } catch (error) {
    try {
      if (error instanceof ApplicationError) {
        return [ERROR, encode(name, error.data, codec?.error)];
      }
      report(error);
    } catch (unwritable) {
      report(unwritable);
    }
    return [FAILED, ""];
  }
}

function bytesOf(token: Token): Uint8Array {
  return typeof token === "string" ? new TextEncoder().encode(token) : token;
}

const forgotten = new FinalizationRegistry<Bridge>((bridge) => bridge.close());

/**
 * A client of a server. When its connection is lost it comes back by itself, and its session goes on: nothing is lost,
 * nothing comes twice, nothing changes places. Its `statechange` event tells that {@link state} has changed.
 *
 * Promises of its requests are rejected with a {@link TwinwireError}; none is left hanging.
 */
export class Client<Kinds extends readonly Kind[] = readonly Kind[]> extends EventTarget {
  readonly #connection: Connection;
  /** The module's client, if it isn't the connection's. */
  readonly #core: Core | undefined;

  /** @internal */
  constructor(connection: Connection, core?: Core) {
    super();
    this.#connection = connection;
    this.#core = core;
  }

  /** Makes a call, and resolves with its reply. */
  async call<Request, Reply, Failure>(
    kind: CallKind<Request, Reply, Failure> & Of<Kinds>,
    request: Request,
    options?: RequestOptions,
  ): Promise<Reply> {
    const { name, codec } = kind;
    const place = this.#place(kind);
    const payload = encode(name, request, codec?.request);
    const reply = (bytes: Uint8Array) => decode(name, bytes, codec?.reply) as Reply;
    return this.#request(kind, options?.signal, reply, (core, id) => core.call(id, place, payload));
  }

  /** Asks for a stream of items. Leaving its `for await` loop cancels it. */
  stream<Request, Item, Failure>(
    kind: StreamKind<Request, Item, Failure> & Of<Kinds>,
    request: Request,
    options?: RequestOptions,
  ): Stream<Item> {
    const payload = encode(kind.name, request, kind.codec?.request);
    const { bridge } = this.#connection;
    const { signal } = options ?? {};
    return new Stream(bridge, kind, this.#place(kind), payload, { signal, core: this.#core });
  }

  /** Sends an event. Resolves when it has arrived, in order; with `latest`, when it is on its way. It need not be awaited. */
  async send<Event>(
    kind: EventKind<Event> & Of<Kinds>,
    event: Event,
    options?: SendOptions,
  ): Promise<void> {
    const place = this.#place(kind);
    const payload = encode(kind.name, event, kind.codec?.request);
    const { signal, latest } = options ?? {};
    const sent = () => undefined;
    return this.#request(kind, signal, sent, (core, id) => core.send(id, place, payload, latest));
  }

  /** Calls `listener` with each of the server's events of one kind, in order. Returns what ends that. */
  on<Event>(
    kind: EventKind<Event> & Of<Kinds>,
    listener: (event: Event) => void,
    options?: RequestOptions,
  ): () => void {
    const { bridge } = this.#connection;
    const heard = new Pending<undefined>(bridge, kind, () => undefined, undefined, (bytes) => {
      listener(decode(kind.name, bytes, kind.codec?.request) as Event);
    });
    bridge.core.listen(heard.id, this.#place(kind));
    heard.wake();
    const off = () => heard.giveUp();
    options?.signal?.addEventListener("abort", off, { once: true });
    return off;
  }

  /** Subscribes to a topic: an async iterable of updates. */
  subscribe<Key, Item>(
    kind: TopicKind<Key, Item> & Of<Kinds>,
    key: Key,
    options?: SubscribeOptions,
  ): Subscription<Item> {
    const bytes = encodeKey(kind.name, key, kind.codec?.request);
    const { bridge } = this.#connection;
    return new Subscription(bridge, kind, this.#place(kind), bytes, options ?? {}, this.#core);
  }

  /** Publishes to a topic. Resolves with the item's place in the topic's log, once the server has it there. */
  async publish<Key, Item>(
    kind: TopicKind<Key, Item> & Of<Kinds>,
    key: Key,
    item: Item,
  ): Promise<number> {
    const { name, codec } = kind;
    const place = this.#place(kind);
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
    const place = this.#place(kind);
    const { bridge, handlers } = this.#connection;
    handlers.set(place, { kind, handler: handler as Handler });
    bridge.core.handle(place);
  }

  /** The topics of one kind into which the server puts this client from now on. */
  invitations<Key, Item>(kind: TopicKind<Key, Item> & Of<Kinds>): Invitations<Key, Item> {
    return new Invitations(this.#connection.bridge, kind, this.#place(kind));
  }

  /** Measures a round trip to the server, in milliseconds. */
  async ping(options?: RequestOptions): Promise<number> {
    const kind = { name: "the ping", class: "call", fingerprint: "" } as const;
    const took = (_: Uint8Array, took: number) => {
      if (took < 0) {
        throw new TwinwireError("deadline", "the ping: no answer came in time");
      }
      return took;
    };
    return this.#request(kind, options?.signal, took, (core, id) => core.ping(id));
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

  /** Says goodbye once what was asked for before is sent, and resolves when that is over. */
  close(): Promise<End> {
    const { bridge, closed } = this.#connection;
    const closing = new Pending<undefined>(bridge, undefined, () => undefined);
    this.#live?.close(closing.id);
    closing.wake();
    return closed;
  }

  get #live(): Core | undefined {
    return this.state.type === "closed" ? undefined : this.#connection.bridge.core;
  }

  #place(kind: Kind): number {
    const place = this.#connection.places.get(kind.name);
    if (place === undefined) {
      throw requestError(kind, UNDECLARED, -1, new Uint8Array());
    }
    return place;
  }

  #request<T>(
    kind: Kind,
    signal: AbortSignal | undefined,
    read: (bytes: Uint8Array, number: number) => T,
    start: (core: Core, id: number) => void,
  ): Promise<T> {
    signal?.throwIfAborted();
    const { bridge } = this.#connection;
    const pending = new Pending(bridge, kind, read, this);
    bridge.start(pending.id, start, this.#core);
    return pending.settled(signal);
  }
}

/**
 * Connects a client, once the module is there.
 * @internal
 */
export function connectBy(ready: () => Promise<void>) {
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
    await ready();
    const address = String(url);
    const first = (core: Core) => new Client<never>(connection, core);
    const connection = new Connection(address, options as ConnectOptions<never>, first);
    const { bridge } = connection;
    const connected = new Promise<void>((resolve, reject) => {
      connection.isConnected = (error) => (error === undefined ? resolve() : reject(error));
    });
    const config = configured(bridge.number, address, kinds, options, connection.places);
    const asksToken = typeof options.token === "function";
    const core = config.connect(asksToken, options.onFresh !== undefined);
    if (core === undefined) {
      throw new ConnectError("kinds", "the kinds can't be declared: two have one name, or they are more than 512");
    }
    const client = new Client<Kinds>(connection);
    const weak = new WeakRef(client);
    connection.changed = () => weak.deref()?.dispatchEvent(new Event("statechange"));
    forgotten.register(client, bridge);
    bridge.open(core, connection);
    try {
      options.register?.(client);
      await connected;
    } catch (error) {
      bridge.close();
      throw error;
    }
    return client;
  };
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
