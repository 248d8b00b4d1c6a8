"use client";
// The entry for React: hooks whose stores are outside of it, so that no two components see different states in one render.

import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from "react";
import { connect as connectHere } from "twinwire";

import type { Client, ConnectOptions } from "./client.js";
import { CONNECTING, type Connect, type Connection, acquireConnection, connectionOf } from "./connections.js";
import { type ApplicationError, TwinwireError } from "./errors.js";
import { encodeKey } from "./json.js";
import type { CallKind, Kind, TopicKind } from "./kinds.js";
import { JOINING, type Topic, acquireTopic, topicOf } from "./topics.js";

export type { Connection } from "./connections.js";
export type { Topic, TopicItem } from "./topics.js";

/** How to connect, for components. */
export interface ConnectionOptions<Kinds extends readonly Kind[] = readonly Kind[]>
  extends ConnectOptions<Kinds> {
  /** Tells connections to one address apart: a user's name, say. */
  readonly key?: string | undefined;
  /** The `connect` of another entry: `twinwire/inline` or `twinwire/slim`. */
  readonly connect?: typeof connectHere | undefined;
}

/**
 * Shares one connection among all components that name the same address, kinds and `key`. The first one opens it, with
 * its own options: `token` and `onSessionReplaced` are those of its newest render. It closes a second after the last one is unmounted.
 */
export function useConnection<const Kinds extends readonly Kind[]>(
  url: string | URL,
  kinds: Kinds,
  options: ConnectionOptions<Kinds> = {},
): Connection<Kinds> {
  const latest = useRef(options);
  useEffect(() => {
    latest.current = options;
  });
  const address = String(url);
  const types = kinds.map(({ name, fingerprint }) => [name, fingerprint]);
  const id = JSON.stringify([address, options.key, types]);
  const subscribe = useCallback(
    (changed: () => void) => {
      const connect = (latest.current.connect ?? connectHere) as Connect;
      const given = { connect, url: address, kinds, latest: latest as { current: ConnectOptions } };
      return acquireConnection(id, given, changed);
    },
    [id],
  );
  const snapshot = () => (connectionOf(id) ?? CONNECTING) as Connection<Kinds>;
  return useSyncExternalStore(subscribe, snapshot, () => CONNECTING as Connection<Kinds>);
}

/** How much of a topic a component sees. */
export interface TopicOptions {
  /** The number of items to begin with and to keep at most (default: 100); of many components the first one's begins. */
  readonly last?: number | undefined;
}

/**
 * Subscribes to a topic, together with all components that name the same one. Items stay when the last component is
 * unmounted; the next one goes on after them. Without a client it waits for one.
 */
export function useTopic<Kinds extends readonly Kind[], Key, Item>(
  client: Client<Kinds> | undefined,
  kind: TopicKind<Key, Item> & Kinds[number],
  key: Key,
  { last = 100 }: TopicOptions = {},
): Topic<Item> {
  const id = topicId(kind, key);
  const subscribe = useCallback(
    (changed: () => void) => {
      const given = { client: client as Client, kind: kind as TopicKind<any, any>, key, last };
      return client === undefined ? () => {} : acquireTopic(id, given, changed);
    },
    [client, id, last],
  );
  const snapshot = () => ((client && topicOf(client as Client, id)) ?? JOINING) as Topic<Item>;
  return useSyncExternalStore(subscribe, snapshot, () => JOINING);
}

function topicId({ name, codec }: Kind, key: unknown): string {
  try {
    return `${name} ${encodeKey(name, key, codec?.request)}`;
  } catch {
    // To subscribe fails the same way, and that is the topic's error.
    return name;
  }
}

/** The newest call of a component. */
export interface Call<Request, Reply, Failure> {
  /**
   * Makes a call, and cancels the one before. Resolves with the reply, or with `undefined` if the call failed or was
   * cancelled; never rejects.
   */
  readonly call: (request: Request) => Promise<Reply | undefined>;
  /** The reply. */
  readonly data: Reply | undefined;
  /** The cause if the call failed. */
  readonly error: ApplicationError<Failure> | TwinwireError | undefined;
  /** True while there is no answer. */
  readonly pending: boolean;
}

type Outcome<Reply, Failure> = Omit<Call<never, Reply, Failure>, "call">;

const NO_CALL = { data: undefined, error: undefined, pending: false };

/** Makes calls of one kind. The newest call counts: those before are cancelled, and all are when the component is unmounted. */
export function useCall<Kinds extends readonly Kind[], Request, Reply, Failure>(
  client: Client<Kinds> | undefined,
  kind: CallKind<Request, Reply, Failure> & Kinds[number],
): Call<Request, Reply, Failure> {
  const [outcome, setOutcome] = useState<Outcome<Reply, Failure>>(NO_CALL);
  const newest = useRef<AbortController>(undefined);
  useEffect(
    () => () => {
      newest.current?.abort();
      newest.current = undefined;
    },
    [],
  );
  const call = useCallback(
    async (request: Request) => {
      newest.current?.abort();
      const controller = new AbortController();
      newest.current = controller;
      setOutcome({ ...NO_CALL, pending: true });
      const outcome = await made(client, kind, request, controller.signal);
      if (newest.current !== controller) {
        return undefined;
      }
      setOutcome(outcome);
      return outcome.data;
    },
    [client, kind],
  );
  return { call, ...outcome };
}

async function made<Kinds extends readonly Kind[], Request, Reply, Failure>(
  client: Client<Kinds> | undefined,
  kind: CallKind<Request, Reply, Failure> & Kinds[number],
  request: Request,
  signal: AbortSignal,
): Promise<Outcome<Reply, Failure>> {
  try {
    if (client === undefined) {
      throw new TwinwireError("not_received", `${kind.name}: there is no client yet: call once useConnection gives one`);
    }
    return { ...NO_CALL, data: await client.call(kind, request, { signal }) };
  } catch (error) {
    return { ...NO_CALL, error: error as TwinwireError };
  }
}
