import type { Bridge, Waiter } from "./bridge.js";
import { DEADLINE, VALUE, requestError } from "./codes.js";
import { TwinwireError } from "./errors.js";
import type { Kind } from "./kinds.js";
import { What, report } from "./tell.js";

/** The longest time of a timer, in milliseconds. The compiler puts the number in its place. */
export const enum Timer {
  Longest = 2 ** 31 - 1,
}

/** A request that is settled once, and what hears events meanwhile. */
export class Pending<T> implements Waiter {
  readonly id: number;
  #settle: ((error: unknown, value?: T) => void) | undefined;
  #outcome: { error?: unknown; value?: T } | undefined;
  #heard: Uint8Array[] = [];

  constructor(
    private readonly bridge: Bridge,
    private readonly kind: Kind,
    private readonly read: (bytes: Uint8Array, number: number) => T,
    /** Who must not be collected before it is settled. */
    readonly keeps?: unknown,
    private readonly event?: (payload: Uint8Array) => void,
  ) {
    this.id = bridge.add(this);
  }

  /** Resolves or rejects once it is settled, or after so many milliseconds, wherever it waits then. */
  settled(signal?: AbortSignal, time?: number): Promise<T> {
    const expire = () => {
      this.bridge.abort(this.id);
      this.hear(What.Settled, DEADLINE, -1, 0, new Uint8Array());
    };
    const timer = time === undefined ? undefined : setTimeout(expire, Math.min(time, Timer.Longest));
    const abort = () => this.giveUp(signal?.reason);
    signal?.addEventListener("abort", abort, { once: true });
    return new Promise((resolve, reject) => {
      this.#settle = (error, value) => {
        signal?.removeEventListener("abort", abort);
        clearTimeout(timer);
        if (error === undefined) {
          resolve(value as T);
        } else {
          reject(error);
        }
      };
      if (this.#outcome !== undefined) {
        this.#settle(this.#outcome.error, this.#outcome.value);
      }
    });
  }

  /** Ends without an outcome; with an error if there is a reason. */
  giveUp(reason?: unknown): void {
    this.bridge.abort(this.id);
    this.#end(reason);
  }

  hear(what: What, code: number, a: number, _b: number, bytes: Uint8Array): void {
    if (what === What.Event) {
      this.#heard.push(bytes.slice());
      return;
    }
    this.bridge.remove(this.id);
    try {
      if (code === VALUE) {
        this.#end(undefined, this.read(bytes, a));
      } else {
        this.#end(requestError(this.kind, code, a, bytes));
      }
    } catch (error) {
      this.#end(error ?? new TwinwireError("unreadable", `${this.kind.name} can't be read`));
    }
  }

  wake(): void {
    while (this.bridge.poll(this.id)) {
      // The application's function runs when the module is left.
      for (const payload of this.#heard.splice(0)) {
        try {
          this.event?.(payload);
        } catch (error) {
          report(error);
        }
      }
    }
  }

  #end(error: unknown, value?: T): void {
    if (this.#outcome === undefined) {
      this.#outcome = error === undefined ? { value: value as T } : { error };
      this.#settle?.(error, value);
    }
  }
}
