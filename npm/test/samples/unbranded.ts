// What generated files import, with types that plain text can have: samples are compared with their form.

export type { CallKind, EventKind, StreamKind, TopicKind } from "../../src/kinds.js";

export type U64 = `${bigint}`;
export type I64 = `${bigint}`;
export type U128 = `${bigint}`;
export type I128 = `${bigint}`;
export type Base64 = string;
