// What all entries export.

export { Client } from "./client.js";
export type {
  AskContext,
  CallContext,
  ConnectOptions,
  SessionLost,
  RequestOptions,
  SendOptions,
  State,
  Token,
} from "./client.js";
export type { End } from "./codes.js";
export { ApplicationError, ConnectError, RefusedError, TwinwireError } from "./errors.js";
export type { Code } from "./errors.js";
export type { Invitation, Invitations } from "./invitations.js";
export type * from "./kinds.js";
export { Socket } from "./socket.js";
export type { OpenSocket, SocketClose, SocketOptions, WebSocketConstructor } from "./socket.js";
export type { Stream } from "./stream.js";
export type { Position, Start, SubscribeOptions, Subscription, Update, Verdict } from "./subscription.js";
