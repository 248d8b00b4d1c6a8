// What streams, subscriptions and invitations have in common: they give one thing after the other, to who asks.

import type { Bridge, Owner, Waiter } from "./bridge.js";
import { asyncDispose, dispose } from "./dispose.js";
import type { What } from "./tell.js";

interface Asking<T> {
  readonly resolve: (result: IteratorResult<T, undefined>) => void;
  readonly reject: (error: unknown) => void;
}

interface Left {
  readonly bridge: Bridge;
  readonly id: number;
  readonly releaseSignal: (() => void) | undefined;
}

const collected = new FinalizationRegistry<Left>(({ bridge, id, releaseSignal }) => {
  bridge.abort(id);
  releaseSignal?.();
});

/**
 * One thing after the other, for `for await`. Leaving the loop gives up what is left at once, and so does
 * `return()`; one that is only forgotten is given up when it is collected.
 */
export abstract class Iteration<T> implements AsyncIterableIterator<T, undefined, undefined>, Waiter {
  protected readonly owner: Owner;
  protected readonly bridge: Bridge;
  protected readonly id: number;
  /** Who has asked and was given nothing yet. */
  #asking: Asking<T>[] = [];
  /** How it ended, for who asks later: with an error once. */
  #end: { error?: unknown } | undefined;
  #releaseSignal: (() => void) | undefined;

  protected constructor(owner: Owner, signal?: AbortSignal) {
    const { bridge } = owner;
    this.owner = owner;
    this.bridge = bridge;
    this.id = bridge.add(this);
    if (signal !== undefined) {
      this.#watch(signal);
    }
    collected.register(this, { bridge, id: this.id, releaseSignal: this.#releaseSignal }, this);
    bridge.hold(this.id, this, true);
  }

  /** The next one. */
  next(): Promise<IteratorResult<T, undefined>> {
    if (this.#end !== undefined) {
      const { error } = this.#end;
      this.#end = {};
      return error === undefined
        ? Promise.resolve({ done: true, value: undefined })
        : Promise.reject(error);
    }
    return new Promise((resolve, reject) => {
      this.#asking.push({ resolve, reject });
      this.bridge.hold(this.id, this, false);
      this.wake();
    });
  }

  /** Gives up what is left. */
  return(): Promise<IteratorResult<T, undefined>> {
    this.finish();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Gives up what is left. */
  [dispose](): void {
    this.finish();
  }

  /** Gives up what is left. */
  async [asyncDispose](): Promise<void> {
    this.finish();
  }

  /** @internal */
  abstract hear(what: What, code: number, a: number, b: number, bytes: Uint8Array): void;

  /** @internal */
  wake(): void {
    // The module gives one thing for each time that it is asked.
    while (this.#asking.length > 0 && this.bridge.poll(this.id));
  }

  /** Gives one to who asked first; an error if it can't be read, after which the next may be. */
  protected give(read: () => T): void {
    const asking = this.#asking.shift();
    try {
      asking?.resolve({ done: false, value: read() });
    } catch (error) {
      asking?.reject(error);
    }
    this.holdWeakly();
  }

  /** There are no more. */
  protected finish(error?: unknown): void {
    if (this.#end !== undefined) {
      return;
    }
    this.#end = error === undefined ? {} : { error };
    this.#releaseSignal?.();
    collected.unregister(this);
    this.bridge.abort(this.id);
    for (const { resolve, reject } of this.#asking.splice(0)) {
      const end = this.#end;
      this.#end = {};
      if (end.error === undefined) {
        resolve({ done: true, value: undefined });
      } else {
        reject(end.error);
      }
    }
  }

  protected get isOver(): boolean {
    return this.#end !== undefined;
  }

  /** Lets itself be collected unless somebody waits for it. */
  protected holdWeakly(): void {
    this.bridge.hold(this.id, this, this.#asking.length === 0 && !this.isAwaited);
  }

  /** Whether somebody waits for anything but the next one. */
  protected get isAwaited(): boolean {
    return false;
  }

  #watch(signal: AbortSignal): void {
    // The signal must not keep what nobody holds.
    const self = new WeakRef(this);
    const abort = () => self.deref()?.finish(signal.reason);
    if (signal.aborted) {
      queueMicrotask(abort);
      return;
    }
    signal.addEventListener("abort", abort, { once: true });
    this.#releaseSignal = () => signal.removeEventListener("abort", abort);
  }
}
