// The types that generated files import: no code comes of this file.

declare const carried: unique symbol;
declare const brand: unique symbol;

/** A request that is answered by one reply, or by the application's own error. */
export interface CallKind<Request, Reply, Error = never> extends Kind {
  readonly class: "call";
  /** No value has it. It ties the types to the kind, so that neither a wider nor a narrower one passes. */
  readonly [carried]?: (request: Request, reply: Reply, error: Error) => [Request, Reply, Error];
}

/** A request that is answered by a stream of items, and then by its end or the application's own error. */
export interface StreamKind<Request, Item, Error = never> extends Kind {
  readonly class: "stream";
  /** As in {@link CallKind}. */
  readonly [carried]?: (request: Request, item: Item, error: Error) => [Request, Item, Error];
}

/** A message that is acknowledged and not answered. Either end may send it. */
export interface EventKind<Event> extends Kind {
  readonly class: "event";
  /** As in {@link CallKind}. */
  readonly [carried]?: (event: Event) => Event;
}

/** A topic. A value of its key names one room, and items are published there. */
export interface TopicKind<Key, Item> extends Kind {
  readonly class: "topic";
  /** As in {@link CallKind}. */
  readonly [carried]?: (key: Key, item: Item) => [Key, Item];
}

/** What kinds of every class have. */
export interface Kind {
  /** The name on the wire. */
  readonly name: string;
  readonly class: "call" | "stream" | "event" | "topic";
  /** The structure's hash in hexadecimal digits, the highest first. The wire has its bytes in the other order. */
  readonly fingerprint: string;
  /** The structure in words, of which a mismatch is explained; only in files generated with outlines. */
  readonly outline?: string;
  /** Only in files generated with `bigint`, and only for kinds that carry any. */
  readonly codec?: {
    /** For a call's or a stream's request, an event, a topic's key. */
    readonly request?: Codec;
    readonly reply?: Codec;
    readonly item?: Codec;
    readonly error?: Codec;
  };
}

/** Translates between the values of a generated type and JSON. */
export interface Codec {
  /** Returns what `JSON.stringify` takes. */
  encode(value: any): unknown;
  /** Takes what `JSON.parse` returns. Throws if that isn't of the type. */
  decode(json: any): unknown;
}

/** An integer from 0 to 2⁶⁴ - 1 in decimal digits, without a sign or leading zeros. */
export type U64 = string & { readonly [brand]: "u64" };

/** An integer from -2⁶³ to 2⁶³ - 1 in decimal digits, perhaps after `-`, without leading zeros. */
export type I64 = string & { readonly [brand]: "i64" };

/** An integer from 0 to 2¹²⁸ - 1 in decimal digits, without a sign or leading zeros. */
export type U128 = string & { readonly [brand]: "u128" };

/** An integer from -2¹²⁷ to 2¹²⁷ - 1 in decimal digits, perhaps after `-`, without leading zeros. */
export type I128 = string & { readonly [brand]: "i128" };

/** Bytes in base64 (RFC 4648 §4), padded. */
export type Base64 = string & { readonly [brand]: "base64" };
