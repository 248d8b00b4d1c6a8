// The module's numbers as words. `wasm/src/codes.rs` has the same numbers.

import { ApplicationError, ConnectError, RefusedError, TwinwireError } from "./errors.js";
import { TOO_LARGE, decode, text } from "./json.js";
import type { Kind } from "./kinds.js";

/** The code of a value, and of nothing that went wrong. */
export const VALUE = 0;
/** The code of the application's own error. */
export const ERROR = 1;
/** The code of a handler that got to no answer. */
export const FAILED = 2;

/** The code of what wasn't answered in time. */
export const DEADLINE = 2;
/** The code of what never reached the other side. */
export const NOT_RECEIVED = 3;
/** The code of what a closed client is asked for. */
export const CLOSED = 4;
/** The code of a kind that the client wasn't connected with. */
export const UNDECLARED = 6;

/** The codes that a shared connection gives by itself. The compiler puts the numbers in their place: its script loads no other. */
export const enum Given {
  Value = VALUE,
  /** The session was lost before the answer, or the worker. */
  Unknown = 5,
  /** Nothing takes the call. */
  NoHandler = 106,
  /** The page that had the call is gone. */
  Gone = 112,
  /** A peer, here a page, didn't take what was sent. */
  TooSlow = 206,
  /** This side closed the client. */
  Done = 250,
  /** The connection was lost. */
  Lost = 303,
  /** There was no connection within the time allowed. */
  TimedOut = 306,
}

const REFUSED = 100;

const UNANSWERED: readonly (readonly [string, string])[] = [
  ["deadline", "no answer came in time; the handler may have run: ask before doing it twice"],
  ["not_received", "the other side never received it: it can be made again"],
  ["closed", "the client is closed, and this was never sent: connect again"],
  ["unknown", "the session was lost before the answer; the handler may have run: ask before doing it twice"],
  ["undeclared", "the client wasn't connected with this kind: add it to the kinds that it connects with"],
  TOO_LARGE,
];

const REFUSALS: readonly (readonly [string, string])[] = [
  ["unknown_kind", "the server takes no kind of this name: add it to its builder"],
  ["kind_differs", "the server has this kind with another structure: generate the types anew, or reload the page"],
  ["undecodable", "the payload isn't a value of its kind"],
  ["denied", "the application doesn't allow it"],
  ["no_handler", "nothing on the other side takes this kind"],
  ["panicked", "the handler failed"],
  ["busy", "as many streams, subscriptions or topics are in use as the limit allows"],
  ["too_large", "the request, the answer or an item is larger than allowed"],
  ["deadline", "the handler ran longer than allowed: ask what it has done before calling again"],
  ["cancelled", "the caller cancelled it"],
  ["gone", "the peer that was called is gone"],
  ["unwritable", "the answer can't be written as JSON"],
];

const unnamed = (code: number) => [`code_${code}`, "this version has no words for it"] as const;

/** The name of a refusal, by its code. */
export function refusal(code: number): string {
  return (REFUSALS[code - REFUSED - 2] ?? unnamed(code))[0];
}

/** Returns the error of a request that was settled with this code: `bytes` are the application's own, or words. */
export function requestError(
  { name: kind, codec }: Pick<Kind, "name" | "codec">,
  code: number,
  retry: number,
  bytes: Uint8Array,
): TwinwireError {
  if (code === ERROR) {
    try {
      return new ApplicationError(decode(kind, bytes, codec?.error), kind);
    } catch (error) {
      // It can't be read, and the request is over all the same.
      return error as TwinwireError;
    }
  }
  const again = retry < 0 ? undefined : retry;
  if (code >= REFUSED) {
    const [name, why] = REFUSALS[code - REFUSED - 2] ?? unnamed(code);
    const words = bytes.length > 0 ? ` (${text(bytes)})` : "";
    return new RefusedError(name, `${kind} was refused: ${why}${words}`, again);
  }
  const [name, why] = UNANSWERED[code - 2] ?? unnamed(code);
  return new TwinwireError(name, `${kind}: ${why}`, again);
}

const ENDED = 200;
const CLOSED_HERE = 250;
const CAUSES = 300;
/** The code of a client that nobody holds. */
export const ABANDONED = 311;

const GOODBYES = [
  "done",
  "malformed",
  "wrong_state",
  "limit",
  "unsupported",
  "denied",
  "too_slow",
  "going_away",
  "internal",
  "silent",
  "superseded",
];

const CAUSED: readonly (readonly [string, string])[] = [
  ["misbehaved", "the other side broke the protocol"],
  ["too_slow", "the handshake took longer than allowed"],
  ["silent", "the other side fell silent"],
  ["lost", "the connection was lost"],
  ["status", "the server answered the handshake with an HTTP status"],
  ["not_opened", "the WebSocket couldn't be opened: look whether the server runs, and at the address"],
  ["timed_out", "no connection within the time allowed"],
  ["no_token", "there was no token to connect with"],
  ["url", "the address is none for a WebSocket"],
  ["protocol", "the server chose no subprotocol of ours: it isn't a Twinwire server"],
  ["blocked", "the page's content security policy, or its mixed content, forbids the address"],
  ["abandoned", "the client was given up"],
];

/** Why a connection, or a client, is over. */
export interface End {
  /** The cause in one word: a goodbye's name in PROTOCOL.md, or `lost`, `silent`, `timed_out` and the like. */
  readonly code: string;
  /** True if this side said so. */
  readonly here: boolean;
  /** A sentence for a person: the server's own, if it gave one. */
  readonly reason: string;
  /** The milliseconds to wait before connecting again; `undefined` if that would end the same way. */
  readonly retry: number | undefined;
  /** The HTTP status that answered the handshake, if that is known. */
  readonly status: number | undefined;
  /** What the function that gives tokens threw, if the code is `no_token`. */
  readonly cause?: unknown;
}

/** The code of an attempt without a token. */
const NO_TOKEN = 307;

export function end(code: number, retry: number, status: number, reason: string, thrown?: unknown): End {
  const shared = {
    here: (code >= CLOSED_HERE && code < CAUSES) || code === ABANDONED,
    retry: retry < 0 ? undefined : retry,
    status: status || undefined,
    ...(code === NO_TOKEN && thrown !== undefined && { cause: thrown }),
  };
  if (code >= CAUSES) {
    const [name, why] = CAUSED[code - CAUSES] ?? unnamed(code);
    return { ...shared, code: name, reason: status ? `${why}: ${status}` : why };
  }
  const name = GOODBYES[code - (shared.here ? CLOSED_HERE : ENDED)] ?? unnamed(code)[0];
  return { ...shared, code: name, reason: reason || `${name.replaceAll("_", " ")}` };
}

export function connectError(url: string, why: End): ConnectError {
  const message = `no connection to ${url}: ${why.reason}`;
  return new ConnectError(why.code, message, why.retry, why.status, "cause" in why ? why : undefined);
}
