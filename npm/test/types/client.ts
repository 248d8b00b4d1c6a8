// What the client's types take, and what they refuse: each after the comment that the compiler holds against it.

import { ApplicationError, type Client, type ConnectOptions, type End, type Invitation, type Position } from "twinwire";
import type { SocketOptions, Update } from "twinwire";
import { Ask, Enter, Join, Room, Say, Whisper, Whispered, kinds } from "../chat.js";
import type { Line, Word } from "../chat.js";
import { Add, Locate, kinds as suiteKinds } from "../suite.js";

declare const client: Client<typeof kinds>;
declare const suite: Client<typeof suiteKinds>;
declare const few: Client<readonly [typeof Join]>;

export async function right(signal: AbortSignal): Promise<void> {
  const { name } = await client.call(Join, { name: "Ada" }, { signal });
  name satisfies string;
  (await client.call(Enter, { room: name })) satisfies string;
  (await client.call(Say, { room: "lobby", text: "Hi" })) satisfies null;
  (await suite.call(Add, { left: 1n, right: 2n })) satisfies bigint;
  for await (const word of client.stream(Ask, { prompt: "?" }, { signal })) word satisfies Word;
  const lines = client.subscribe(Room, { name: "lobby" }, { from: { last: 5 }, signal });
  for await (const update of lines) heard(update);
  lines.position satisfies Position | undefined;
  client.subscribe(Room, { name: "lobby" }, { from: { epoch: "00", offset: 1 } });
  const off = client.on(Whispered, ({ from, text }) => `${from}: ${text}`, { signal });
  off();
  suite.handle(Locate, async ({ whom }, { signal }) => (signal.aborted ? "nowhere" : whom));
  suite.handle(Locate, ({ whom }) => whom);
  for await (const { key, subscription } of client.invitations(Room)) {
    key satisfies { name: string };
    for await (const update of subscription) heard(update);
  }
  (await client.ping()) satisfies number;
  (await client.close()) satisfies End;
  client.addEventListener("statechange", () => {
    const { state } = client;
    if (state.type === "resuming") state.wait satisfies number;
    else if (state.type === "closed") state.end satisfies End;
  });
}

function heard(update: Update<Line>): string | number {
  switch (update.type) {
    case "item":
      return update.item.text;
    case "gap":
      return update.to - update.from;
    case "new_epoch":
      return update.position.offset;
    case "refused":
      return update.code;
  }
}

export async function using(): Promise<void> {
  await using its = client;
  using lines = its.subscribe(Room, { name: "lobby" });
  await using words = its.stream(Ask, { prompt: "?" });
  using invitations = its.invitations(Room);
  await words.next();
  const { value } = await invitations.next();
  value satisfies Invitation<Room, Line> | undefined;
  await lines.joined;
}

/** The class of the package `ws`, as `@types/ws` declares it. */
declare class NodeWebSocket {
  constructor(address: string | URL, protocols?: string | string[], options?: { origin?: string });
  binaryType: "nodebuffer" | "arraybuffer" | "fragments";
  readonly bufferedAmount: number;
  readonly readyState: 0 | 1 | 2 | 3;
  onmessage: ((event: { data: string | Uint8Array | ArrayBuffer | Uint8Array[] }) => void) | null;
  close(code?: number, data?: string | Uint8Array): void;
  send(data: string | ArrayBufferLike | Uint8Array | number, cb?: (err?: Error) => void): void;
}

export const sockets = [
  { webSocket: NodeWebSocket },
  { webSocket: WebSocket },
  { webSocket: globalThis.WebSocket },
  // @ts-expect-error a class of something else
  { webSocket: AbortController },
] satisfies (ConnectOptions & SocketOptions)[];

export async function wrong(): Promise<void> {
  // @ts-expect-error a field of another name
  await client.call(Join, { nam: "Ada" });
  // @ts-expect-error a field too many
  await client.call(Join, { name: "Ada", age: 36 });
  // @ts-expect-error another type of number
  await suite.call(Add, { left: 1, right: 2 });
  // @ts-expect-error a kind that isn't a call
  await client.call(Whispered, { from: "Ada" });
  // @ts-expect-error a kind that the client wasn't connected with
  await few.call(Say, { room: "lobby", text: "Hi" });
  // @ts-expect-error a kind of another file
  await client.call(Add, { left: 1n, right: 2n });
  // @ts-expect-error the reply has no such field
  (await client.call(Join, { name: "Ada" })).nam;
  // @ts-expect-error a call is no stream
  client.stream(Join, { name: "Ada" });
  // @ts-expect-error a call is no event
  await client.send(Join, { name: "Ada" });
  // @ts-expect-error another topic's key
  client.subscribe(Room, { room: "lobby" });
  // @ts-expect-error no such place to begin
  client.subscribe(Room, { name: "lobby" }, { from: "then" });
  // @ts-expect-error an item of another type
  await client.publish(Room, { name: "lobby" }, { from: "Ada" });
  // @ts-expect-error an update is no item
  for await (const { text } of client.subscribe(Room, { name: "lobby" })) text;
  // @ts-expect-error an event has no such field
  client.on(Whispered, ({ nam }) => nam);
  // @ts-expect-error a handler's answer of another type
  suite.handle(Locate, () => 5);
  // @ts-expect-error a handler's request of another type
  suite.handle(Locate, ({ who }) => who);
  // @ts-expect-error a worker of one page
  const ofOnePage: ConnectOptions = { shared: true, worker: () => new Worker("./worker.js") };
  void ofOnePage;
  // @ts-expect-error a call that has no such option
  await client.call(Whisper, { to: "Ada", text: "Hi" }, { timeout: 5 });
}

export const error: ApplicationError<{ by: bigint }> = new ApplicationError({ by: 1n });
// @ts-expect-error data of another type
export const other: ApplicationError<{ by: bigint }> = new ApplicationError({ by: 1 });
