// What the generated types refuse, each after the comment that the compiler holds against it.

import type { CallKind, EventKind, Kind, StreamKind, TopicKind, U64 } from "twinwire";
import { Ask, Join, Line, Room, Say, Whispered, kinds } from "./chat.js";
import type { JoinError, NameError, Word } from "./chat.js";
import { Store } from "./kinds.js";
import type { Contact, Moved, Profile, StoreError } from "./kinds.js";

declare function call<Request, Reply, Error>(
  kind: CallKind<Request, Reply, Error>,
  request: Request,
): Promise<{ ok: Reply } | { error: Error }>;
declare function stream<Request, Item, Error>(
  kind: StreamKind<Request, Item, Error>,
  request: Request,
): AsyncIterable<Item>;
declare function send<Event>(kind: EventKind<Event>, event: Event): void;
declare function join<Key, Item>(kind: TopicKind<Key, Item>, key: Key): AsyncIterable<Item>;
declare const profile: Profile;
declare const at: U64;

// What is right compiles.
export async function right(): Promise<string> {
  send(Whispered, { from: "Ada", to: "Bob", text: "Hi", at });
  for await (const word of stream(Ask, { prompt: "?" })) word satisfies Word;
  for await (const line of join(Room, { name: "lobby" })) line satisfies Line;
  await call(Store, { profile, "a-b": [1, 2, 3] });
  await call(Store, { profile, maxTries: null, "a-b": [1, 2, 3] });
  const table: readonly Kind[] = kinds;
  const answer = await call(Join, { name: "Ada" });
  return "ok" in answer ? answer.ok.name + table.length : words(answer.error);
}

function words(error: JoinError): string {
  if (error === "Taken" || error === "Named") return error;
  const inner: NameError = error.Name;
  return typeof inner === "string" ? inner : `at most ${inner.TooLong.limit}`;
}

export async function wrongRequests(): Promise<void> {
  // @ts-expect-error a field of another name
  await call(Join, { nam: "Ada" });
  // @ts-expect-error no field
  await call(Join, {});
  // @ts-expect-error a field too many
  await call(Join, { name: "Ada", age: 36 });
  // @ts-expect-error a field of another type
  await call(Join, { name: 1 });
  // @ts-expect-error another kind's request
  await call(Say, { name: "Ada" });
  // @ts-expect-error a kind that is no call
  await call(Whispered, { from: "Ada", to: "Bob", text: "Hi", at });
  // @ts-expect-error a kind that is no event
  send(Join, { name: "Ada" });
  // @ts-expect-error a number that could have lost its digits
  send(Whispered, { from: "Ada", to: "Bob", text: "Hi", at: 1700000000000 });
  // @ts-expect-error a string that is no integer
  send(Whispered, { from: "Ada", to: "Bob", text: "Hi", at: "now" });
  // @ts-expect-error another topic's key
  join(Room, { room: "lobby" });
  // @ts-expect-error too few items of an array
  await call(Store, { profile, "a-b": [1, 2] });
  // @ts-expect-error a field that is there, and has no value
  await call(Store, { profile, maxTries: undefined, "a-b": [1, 2, 3] });
}

export async function wrongReplies(): Promise<void> {
  const answer = await call(Join, { name: "Ada" });
  // @ts-expect-error it may be the error
  answer.ok;
  // @ts-expect-error the reply has no such field
  if ("ok" in answer) answer.ok.nam;
  // @ts-expect-error no such error
  if ("error" in answer && answer.error === "Full") return;
  // @ts-expect-error items of another type
  for await (const word of stream(Ask, { prompt: "?" })) word satisfies Line;
}

// @ts-expect-error no such kind
import { Sayy } from "./chat.js";
// @ts-expect-error a kind of other types
export const join1: CallKind<Join, string, JoinError> = Join;
// @ts-expect-error a wider request
export const join2: CallKind<object, { name: string }, JoinError> = Join;
// @ts-expect-error an adjacent tag without its content
export const contact1: Contact = { type: "letter" };
// @ts-expect-error the tag of one variant and the content of another
export const contact2: Contact = { type: "letter", at: [at, null] };
// @ts-expect-error no such variant
export const contact3: Contact = { type: "Letter", at: [] };
// @ts-expect-error a variant's name, which has content
export const full: StoreError = "Full";
// @ts-expect-error a tuple of one
export const moved: Moved = [{ x: 1, y: 2 }];
// @ts-expect-error something in what is empty
export const nothing: StoreError = { Nothing: { limit: 1 } };
// @ts-expect-error a key that only the table could have
export const beyond = kinds[9];
