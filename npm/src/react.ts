"use client";
// The entry for React: hooks whose stores are outside of it, so that no two components see different states in one render.

import { useCallback, useEffect, useRef, useSyncExternalStore } from "react";
import { connect as connectHere } from "twinwire";

import type { ConnectOptions } from "./client.js";
import { CONNECTING, type Connect, type Connection, acquireConnection, connectionOf } from "./connections.js";
import type { Kind } from "./kinds.js";

export type { Connection } from "./connections.js";

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
 * its own options: `token` and `onFresh` are those of its newest render. It closes a second after the last one is unmounted.
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
