// Payloads: JSON, as PROTOCOL.md has it.

import { TwinwireError } from "./errors.js";
import type { Codec } from "./kinds.js";

const utf8 = new TextDecoder();

/** The value of a payload. */
export function decode(kind: string, bytes: Uint8Array, codec?: Codec): unknown {
  try {
    const json: unknown = JSON.parse(utf8.decode(bytes));
    return codec === undefined ? json : codec.decode(json);
  } catch (cause) {
    const message = `what came for ${kind} can't be read as its type: generate the types anew`;
    throw new TwinwireError("unreadable", message, undefined, { cause });
  }
}

export function text(bytes: Uint8Array): string {
  return utf8.decode(bytes);
}

/** The largest payload, in bytes. */
const LARGEST = 16 * 1024 * 1024;

export const TOO_LARGE = ["too_large_to_send", "the payload is larger than 16 MiB: send it in pieces"] as const;

/** The payload of a value; an error if it can't be sent. */
export function encode(kind: string, value: unknown, codec?: Codec): string {
  const json = write(kind, value, codec);
  // Each character is one byte at least. The module's memory, into which it would be copied, never shrinks.
  if (json.length > LARGEST) {
    const [code, why] = TOO_LARGE;
    throw new TwinwireError(code, `${kind}: ${why}`);
  }
  return json;
}

/** Writes a value as JSON. */
export function write(kind: string, value: unknown, codec?: Codec): string {
  let json: string | undefined;
  try {
    const encoded: unknown = codec === undefined ? value : codec.encode(value);
    json = JSON.stringify(encoded);
    if (json?.includes("null")) {
      JSON.stringify(encoded, refuse);
    }
  } catch (cause) {
    throw unwritable(kind, cause);
  }
  if (json === undefined) {
    throw unwritable(kind);
  }
  return json;
}

/** Refuses what JSON has no value for, and would write as `null`. */
function refuse(this: unknown, key: string, value: unknown): unknown {
  const isLost = Array.isArray(this) && ["undefined", "function", "symbol"].includes(typeof value);
  if (isLost || (typeof value === "number" && !Number.isFinite(value))) {
    throw new TypeError(`JSON has no ${String(value)}, which is in ${key}`);
  }
  return value;
}

function unwritable(kind: string, cause?: unknown): TwinwireError {
  const message = `what is to be sent as ${kind} can't be written as JSON: look at its type`;
  return new TwinwireError("unwritable", message, undefined, { cause });
}

/** The payload of a topic's key: equal keys are equal bytes, whatever the order of their fields. */
export function encodeKey(kind: string, value: unknown, codec?: Codec): string {
  return JSON.stringify(sorted(JSON.parse(encode(kind, value, codec))));
}

function sorted(json: unknown): unknown {
  if (Array.isArray(json)) {
    return json.map(sorted);
  }
  if (typeof json !== "object" || json === null) {
    return json;
  }
  const entries = Object.entries(json).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, value]) => [name, sorted(value)]));
}

/** The bytes of hexadecimal digits. */
export function fromHex(digits: string): Uint8Array {
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
