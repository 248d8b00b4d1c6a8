// The messages between a tab and the worker that holds its connection. Both post arrays of them.

import type { Kind } from "./kinds.js";
import type { What } from "./tell.js";

/** The first message of a tab. */
export interface Hello {
  readonly type: "hello";
  /** The version of the tab's package: a server may have another by the time it sends the worker's script. */
  readonly version: string;
  /** Tabs of one name share a connection. */
  readonly name: string;
  /** The Web Lock that the tab holds for as long as it lives. */
  readonly lock: string;
  readonly url: string;
  readonly kinds: readonly Pick<Kind, "name" | "class" | "fingerprint" | "outline">[];
  /** When to give up connecting, if the tab is new, by {@link clock}. */
  readonly deadline: number;
  readonly options: {
    readonly callTimeout?: number | undefined;
    readonly maxBackoff?: number | undefined;
    readonly reconnect?: boolean | undefined;
    readonly carryOver?: boolean | undefined;
  };
  /** What this tab has a function, or a value, for. */
  readonly gives: Readonly<Record<Duty, boolean>>;
  readonly isVisible: boolean;
  /** True if the tab took part before: a connection that begins with it replaces one that was lost. */
  readonly isAgain: boolean;
}

/** What one tab does for all. */
export type Duty = "token" | "replaced";

/** What a tab asks for under an id of its own. `kind` is a place in the table of kinds. */
export type Request =
  | { readonly type: "call"; readonly kind: number; readonly payload: string }
  | { readonly type: "stream"; readonly kind: number; readonly payload: string }
  | { readonly type: "send"; readonly kind: number; readonly payload: string; readonly latest: string | undefined }
  | { readonly type: "publish"; readonly kind: number; readonly key: string; readonly item: string }
  | ({ readonly type: "subscribe"; readonly kind: number; readonly key: string } & Beginning)
  | { readonly type: "listen"; readonly kind: number }
  | { readonly type: "invitations"; readonly kind: number }
  | { readonly type: "ping" };

/** Where a subscription begins, as the module takes it. */
export interface Beginning {
  readonly code: number;
  readonly offset: number;
  readonly epoch: Uint8Array;
}

export type ToWorker =
  | Hello
  /** `first` is the id of the `replaced` for which the request goes first. */
  | { readonly type: "request"; readonly id: number; readonly request: Request; readonly first: number | undefined }
  | { readonly type: "abort"; readonly id: number }
  /** So much of what was told under an id is taken, as {@link cost} counts. */
  | { readonly type: "taken"; readonly id: number; readonly cost: number }
  /** The tab takes the server's calls of a kind. */
  | { readonly type: "handle"; readonly kind: number }
  | { readonly type: "answer"; readonly id: number; readonly code: number; readonly payload: string }
  | { readonly type: "token"; readonly id: number; readonly token: Uint8Array | undefined }
  | { readonly type: "replacement_done"; readonly id: number }
  /** A person looks at the tab. */
  | { readonly type: "front" }
  | { readonly type: "reconnect_now" }
  | { readonly type: "pause" }
  | { readonly type: "close" }
  /** The tab goes, perhaps into the cache of the back button: nothing may be posted to it. */
  | { readonly type: "leave" };

/** What the module has told, under the id of the tab's request. */
export interface Told {
  readonly what: What;
  readonly id: number;
  readonly code: number;
  readonly a: number;
  readonly b: number;
  readonly bytes: Uint8Array;
}

export type ToTab =
  /** The tab takes part. The worker holds the lock for as long as it lives. */
  | { readonly type: "welcome"; readonly lock: string }
  /** The tab can't take part. */
  | {
      readonly type: "refused";
      readonly code: string;
      readonly message: string;
      readonly retry: number | undefined;
    }
  | { readonly type: "told"; readonly told: Told }
  /** A request has left the worker's line. */
  | { readonly type: "started"; readonly id: number }
  /** How many of the server's events nobody listened to, if that has changed. */
  | { readonly type: "dropped_events"; readonly count: number };

/** Bytes that keeping anything costs besides its payload, as in the protocol's windows. */
const OVERHEAD = 64;

/** What it costs to keep something that was told and isn't taken. */
export function cost({ bytes }: Told): number {
  return bytes.length + OVERHEAD;
}

/** Milliseconds that a tab and its worker count alike. */
export function clock(): number {
  return performance.timeOrigin + performance.now();
}
