// The module's client, in a tab whose connection is in a worker.

import type { Attachment } from "./attachment.js";
import type { Core } from "./core.js";

/** Stands in the place of the module's client: requests go to the worker. */
export class CoreProxy implements Core {
  constructor(
    private readonly attachment: Attachment,
    /** The id of the `onSessionReplaced` whose requests go first. */
    private readonly replacement?: number,
  ) {}

  poll(id: number): boolean {
    return this.attachment.poll(id);
  }

  abort(id: number): void {
    this.attachment.abort(id);
  }

  first(): CoreProxy {
    return new CoreProxy(this.attachment, this.attachment.replacementId);
  }

  writable(id: number): void {
    this.attachment.writable(id);
  }

  call(id: number, kind: number, payload: string): void {
    this.attachment.request(id, { type: "call", kind, payload }, this.replacement);
  }

  stream(id: number, kind: number, payload: string): void {
    this.attachment.request(id, { type: "stream", kind, payload }, this.replacement);
  }

  send(id: number, kind: number, payload: string, latest?: string | null): void {
    this.attachment.request(id, { type: "send", kind, payload, latest: latest ?? undefined }, this.replacement);
  }

  publish(id: number, kind: number, key: string, item: string): void {
    this.attachment.request(id, { type: "publish", kind, key, item }, this.replacement);
  }

  subscribe(id: number, kind: number, key: string, code: number, offset: number, epoch: Uint8Array): void {
    this.attachment.request(id, { type: "subscribe", kind, key, code, offset, epoch }, this.replacement);
  }

  ping(id: number): void {
    this.attachment.request(id, { type: "ping" }, this.replacement);
  }

  listen(id: number, kind: number): boolean {
    this.attachment.request(id, { type: "listen", kind });
    return true;
  }

  invitations(id: number, kind: number): boolean {
    this.attachment.request(id, { type: "invitations", kind });
    return true;
  }

  handle(kind: number): boolean {
    this.attachment.handle(kind);
    return true;
  }

  answer(id: number, code: number, payload: string): void {
    this.attachment.answer(id, code, payload);
  }

  token(id: number, token?: Uint8Array | null): void {
    this.attachment.post({ type: "token", id, token: token ?? undefined });
  }

  replacement_done(id: number): void {
    this.attachment.post({ type: "replacement_done", id });
  }

  dropped_events(): number {
    return this.attachment.droppedEvents;
  }

  reconnect_now(): void {
    this.attachment.reconnectNow();
  }

  pause(): void {
    this.attachment.pause();
  }

  close(): void {
    this.attachment.close();
  }

  free(): void {
    // That of an `onSessionReplaced` holds nothing.
    if (this.replacement === undefined) {
      this.attachment.leave();
    }
  }
}
