import type { First, Owner } from "./bridge.js";
import { CLOSED, DEADLINE, type End, UNDECLARED, requestError } from "./codes.js";
import { started } from "./config.js";
import { Connection, type Handler } from "./connection.js";
import { type Core, version } from "./core.js";
import { explained } from "./diagnosis.js";
import { asyncDispose, dispose } from "./dispose.js";
import { ConnectError, type TwinwireError } from "./errors.js";
import { Invitations } from "./invitations.js";
import { decode, encode, encodeKey } from "./json.js";
import type { CallKind, EventKind, Kind, StreamKind, TopicKind } from "./kinds.js";
import { Pending } from "./pending.js";
import type { WebSocketConstructor } from "./socket.js";
import { Stream } from "./stream.js";
import { type SubscribeOptions, Subscription } from "./subscription.js";

/** A secret that the server's `authenticate` judges: text, or bytes. */
export type Token = string | Uint8Array;

/** Why a session was lost. The Rust client's `SessionLost` has the same. */
export type SessionLost = "restarted" | "ended" | "evicted" | "unknown";

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
   * vain, and another follows, which waits for the same answer if that is still to come; what it throws is the
   * `cause` of the code `no_token`. A token that the server refuses is final.
   */
  readonly token?: Token | ((context: AskContext) => Token | undefined | PromiseLike<Token | undefined>) | undefined;
  /** Milliseconds until `connect` gives up, with the loading of the module (default: 30 000). */
  readonly connectTimeout?: number | undefined;
  /** Milliseconds in which calls are answered, also those that wait for a connection or for `onSessionReplaced` (default: 30 000). */
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
  readonly onSessionReplaced?: ((client: Client<Kinds>, why: SessionLost, context: AskContext) => void | PromiseLike<void>) | undefined;
  /** The constructor of WebSockets, where there is no global one: `ws` in Node 20. */
  readonly webSocket?: WebSocketConstructor | undefined;
  /**
   * Whether all tabs of the origin that name one address, kinds, {@link identity} and version of the package share a connection, in a
   * SharedWorker (default: false). Where there is none, each has its own: in Node, in Chrome on Android, outside secure contexts; and
   * with `webSocket`, which can't go there.
   */
  readonly shared?: boolean | undefined;
  /** Who connects, if tabs share connections: those of another identity share another. It isn't secret: the browser shows it. */
  readonly identity?: string | undefined;
  /**
   * Starts the worker of shared connections, where the bundler doesn't find it: a module of your own, which imports `twinwire/worker`.
   * Workers of two names hold two connections.
   */
  readonly worker?: ((name: string) => EventTarget & { readonly port: MessagePort }) | undefined;
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

/** One of the kinds that a client was connected with. */
type Of<Kinds extends readonly Kind[]> = Kinds[number];

const forgotten = new FinalizationRegistry<Connection>((connection) => connection.abandon());

/**
 * A client of a server. When its connection is lost it comes back by itself, and its session goes on: nothing is lost,
 * nothing comes twice, nothing changes places. Its `statechange` event tells that {@link state} has changed.
 *
 * Promises of its requests are rejected with a {@link TwinwireError}; none is left hanging.
 *
 * A client that nobody holds is closed when it is collected. It is held as long as a request, an iterator that is held, a handler
 * or a listener of it waits, `statechange`'s too, and once {@link closed} was asked for.
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
   * Calls `listener` with each of the server's events of one kind, in order, beginning with those that came before: up to 64 of
   * a kind wait for a listener, in 256 KiB for all kinds, and {@link droppedEvents} counts those that are dropped. Returns what ends that.
   * A client that listens isn't collected before it is closed.
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
    // Whatever ends it takes its listener from the signal.
    heard.settled(signal).catch(() => undefined);
    return () => heard.giveUp();
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

  /** How many of the server's events were dropped, because nobody listened to their kind; 0 once the client is closed. */
  get droppedEvents(): number {
    return this.#live?.dropped_events() ?? 0;
  }

  /** Resolves when the client is over, with the cause. */
  get closed(): Promise<End> {
    this.#connection.held = this;
    return this.#connection.closed;
  }

  override addEventListener(...listening: Parameters<EventTarget["addEventListener"]>): void {
    this.#connection.held = this;
    super.addEventListener(...listening);
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
      this.#connection.held = this;
      bridge.drain((core) => core.close());
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
    const sharing = canShare(options) ? await import("./shared.js").catch(unloaded) : undefined;
    sharing ?? (await ready(connectTimeout));
    const time = connectTimeout - (performance.now() - begun);
    const address = String(url);
    const first = (first: First) => {
      first.client = weak?.deref();
      return new Client<never>(connection, first);
    };
    let weak: WeakRef<Client<Kinds>> | undefined;
    const connection = new Connection(address, options as ConnectOptions<never>, first);
    try {
      const client = new Client<Kinds>(connection);
      weak = new WeakRef(client);
      connection.changed = () => weak?.deref()?.dispatchEvent(new Event("statechange"));
      forgotten.register(client, connection, connection);
      void connection.closed.then(() => forgotten.unregister(connection));
      const opening = { ...options, connectTimeout: time };
      connection.open(
        sharing
          ? sharing.openShared(connection, address, kinds, options as ConnectOptions<never>, time, version)
          : started(connection, address, kinds, opening),
      );
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

function canShare({ shared, webSocket }: ConnectOptions<never>): boolean | undefined {
  return shared && !webSocket && "SharedWorker" in globalThis && "locks" in navigator;
}

function unloaded(error: unknown): never {
  throw new ConnectError("worker", `Twinwire's shared.js can't be loaded: ${error}`);
}
