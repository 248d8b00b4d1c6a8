// Connections that components share. Nothing of React is here: `react.ts` reads their snapshots.

import type { Client, ConnectOptions, State } from "./client.js";
import { ConnectError } from "./errors.js";
import type { Kind } from "./kinds.js";

/** Milliseconds for which a connection that no component uses stays open: StrictMode and hot reload mount again. */
const LINGER = 1_000;

/** A connection as a component sees it. */
export interface Connection<Kinds extends readonly Kind[] = readonly Kind[]> {
  /** The client, once the server has welcomed it. */
  readonly client: Client<Kinds> | undefined;
  /** The client's state; `connecting` before there is one. */
  readonly state: State;
  /** The cause if connecting failed. */
  readonly error: Error | undefined;
  /** Connects anew if the connection is closed; otherwise as {@link Client.reconnectNow}. */
  readonly reconnect: () => void;
}

/** The connection of a render on the server, and of the first one in a page. */
export const CONNECTING: Connection<never> = {
  client: undefined,
  state: { type: "connecting" },
  error: undefined,
  reconnect: () => {},
};

export type Connect = (
  url: string,
  kinds: readonly Kind[],
  options: ConnectOptions,
) => Promise<Client>;

/** What a connection is opened with; the options are those of a component's newest render. */
export interface ConnectArguments {
  readonly connect: Connect;
  readonly url: string;
  readonly kinds: readonly Kind[];
  readonly latest: { readonly current: ConnectOptions };
}

/** One `connect`, and its client from `register` on. */
interface Attempt {
  client: Client | undefined;
  isGivenUp: boolean;
}

const shared = new Map<string, SharedConnection>();

/** Returns the snapshot of a connection that some component uses. */
export function connectionOf(id: string): Connection | undefined {
  return shared.get(id)?.snapshot;
}

/** Uses a connection, which the first user opens; returns the function that leaves it. */
export function acquireConnection(id: string, given: ConnectArguments, changed: () => void): () => void {
  let connection = shared.get(id);
  if (connection === undefined) {
    connection = new SharedConnection(id);
    shared.set(id, connection);
  }
  return connection.acquire(given, changed);
}

/** A connection with the number of its users. */
class SharedConnection {
  snapshot: Connection = { ...CONNECTING, reconnect: () => this.#reconnect() };
  readonly #users = new Set<{ readonly changed: () => void }>();
  /** Those of the component that opened it. */
  #given: ConnectArguments | undefined;
  #attempt: Attempt | undefined;
  #linger: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly id: string) {}

  acquire(given: ConnectArguments, changed: () => void): () => void {
    clearTimeout(this.#linger);
    const user = { changed };
    // A component that comes after a failure tries again.
    if (this.#attempt === undefined || (this.#users.size === 0 && this.#isClosed)) {
      this.#open(given);
    }
    this.#users.add(user);
    return () => {
      if (this.#users.delete(user) && this.#users.size === 0) {
        this.#linger = setTimeout(() => this.#close(), LINGER);
      }
    };
  }

  get #isClosed(): boolean {
    return this.snapshot.state.type === "closed";
  }

  #open(given: ConnectArguments): void {
    const { connect, url, kinds, latest } = given;
    this.#given = given;
    const attempt: Attempt = { client: undefined, isGivenUp: false };
    this.#attempt = attempt;
    this.#tell(undefined, { type: "connecting" });
    const options = following(latest);
    const register = (client: Client) => {
      attempt.client = client;
      if (attempt.isGivenUp) {
        void client.close();
      } else {
        options.register?.(client);
      }
    };
    connect(url, kinds, { ...options, register }).then(
      (client) => this.#opened(attempt, client),
      (error: unknown) => {
        if (this.#attempt === attempt) {
          this.#tell(undefined, closed(error), asError(error));
        }
      },
    );
  }

  #opened(attempt: Attempt, client: Client): void {
    const tell = () => {
      if (this.#attempt === attempt) {
        this.#tell(client, client.state);
      }
    };
    client.addEventListener("statechange", tell);
    tell();
  }

  #reconnect(): void {
    if (this.#isClosed && this.#given !== undefined && this.#users.size > 0) {
      this.#open(this.#given);
    } else {
      this.#attempt?.client?.reconnectNow();
    }
  }

  #close(): void {
    shared.delete(this.id);
    const attempt = this.#attempt;
    this.#attempt = undefined;
    if (attempt !== undefined) {
      // While the module is still loading, `register` has the client and closes it.
      attempt.isGivenUp = true;
      void attempt.client?.close();
    }
  }

  #tell(client: Client | undefined, state: State, error?: Error): void {
    this.snapshot = { ...this.snapshot, client, state, error };
    for (const { changed } of [...this.#users]) {
      changed();
    }
  }
}

/** Returns the options, of which callbacks are looked up in the newest render when they are called. */
function following(latest: ConnectArguments["latest"]): ConnectOptions {
  const { current } = latest;
  const { token, onSessionReplaced } = current;
  const newestToken: typeof token = (...given) => {
    const newest = latest.current.token;
    return typeof newest === "function" ? newest(...given) : newest;
  };
  return {
    ...current,
    token: typeof token === "function" ? newestToken : token,
    onSessionReplaced: onSessionReplaced && ((...given) => latest.current.onSessionReplaced?.(...given)),
  };
}

/** What `register` throws, for one, has given the client up. */
const OWN = { code: "abandoned", retry: undefined, status: undefined };

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

/** Returns the state of a connection that never came about. */
function closed(error: unknown): State {
  const { code, retry, status } = error instanceof ConnectError ? error : OWN;
  return { type: "closed", end: { code, here: true, reason: asError(error).message, retry, status } };
}
