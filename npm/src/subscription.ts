import type { First, Owner } from "./bridge.js";
import { refusal, requestError } from "./codes.js";
import type { Core } from "./core.js";
import { TwinwireError } from "./errors.js";
import { Iteration } from "./iteration.js";
import { decode, fromHex, toHex } from "./json.js";
import type { Kind } from "./kinds.js";
import { What } from "./tell.js";

/** A place in a topic's log: keep it to go on from there another time. */
export interface Position {
  /** Which life of the log, in hexadecimal digits. */
  readonly epoch: string;
  /** The place of the next item. */
  readonly offset: number;
}

/** Where a subscription begins: with what comes from now on, with the last few items, or at a position. */
export type Start = "now" | { readonly last: number } | Position;

/** The answer to the wish to begin somewhere. The Rust client's `Verdict` has the same. */
export type Verdict = "begun" | "recovered" | "gap" | "new_epoch" | "shared";

const VERDICTS: readonly Verdict[] = ["begun", "recovered", "gap", "new_epoch", "shared"];

/** What a subscriber hears. */
export type Update<Item> =
  /** Something was published. */
  | { readonly type: "item"; readonly offset: number; readonly item: Item }
  /** The subscriber was too slow, or away for too long: the log has no more those from `from` up to, and without, `to`. */
  | { readonly type: "gap"; readonly from: number; readonly to: number }
  /** The topic's log has begun anew: what was published before and wasn't heard is lost. */
  | { readonly type: "new_epoch"; readonly position: Position }
  /** The server doesn't let this subscriber in again: the last update. */
  | { readonly type: "refused"; readonly code: string };

export interface SubscribeOptions {
  /** Where to begin (default: `"now"`). What is none of the three is thrown as an error with the code `position`. */
  readonly from?: Start | undefined;
  /** Ends the subscription. */
  readonly signal?: AbortSignal | undefined;
}

/** The digits of an epoch. */
const EPOCH = /^[0-9a-f]{16}$/i;

/** Returns the start in the module's terms; an error if it is none, which comes of what an application has kept. */
function began(kind: Kind, from: Start = "now"): readonly [code: number, number: number, epoch: Uint8Array] {
  const none = new Uint8Array();
  if (from === "now") {
    return [0, 0, none];
  }
  const { last, offset, epoch } = Object(from) as Partial<Position> & { readonly last?: number };
  if (isCount(last, 0)) {
    return [1, last, none];
  }
  if (isCount(offset, 1) && typeof epoch === "string" && EPOCH.test(epoch)) {
    return [2, offset, fromHex(epoch)];
  }
  const next = 'give "now", { last } or a position of a subscription as `from`';
  throw new TwinwireError("position", `${kind.name} has no such place to begin: ${next}`);
}

function isCount(number: unknown, least: number): number is number {
  return Number.isSafeInteger(number) && (number as number) >= least;
}

/**
 * What is published to a topic, in one order. It goes on through lost connections and lost sessions. Handles of one client to
 * one topic share one subscription; one that isn't read makes all of them fall behind.
 */
export class Subscription<Item> extends Iteration<Update<Item>> {
  readonly #kind: Kind;
  #verdict: Verdict | undefined;
  #position: Position | undefined;
  #joined: { promise: Promise<Verdict>; settle: (error?: unknown) => void } | undefined;
  #refusal: unknown;

  /** @internal */
  constructor(
    owner: Owner,
    kind: Kind,
    place: number,
    key: string,
    options: SubscribeOptions,
    first?: First,
  ) {
    const [code, number, epoch] = began(kind, options.from);
    super(owner, options.signal);
    this.#kind = kind;
    if (!options.signal?.aborted) {
      const subscribe = (core: Core, id: number) => core.subscribe(id, place, key, code, number, epoch);
      this.bridge.start(this.id, subscribe, first);
    }
  }

  /** Resolves when the server has let the client in, with the answer to the wish to begin somewhere. */
  get joined(): Promise<Verdict> {
    if (this.#joined === undefined) {
      let settle: (error?: unknown) => void = () => {};
      const promise = new Promise<Verdict>((resolve, reject) => {
        settle = (error) => {
          if (this.#verdict !== undefined) {
            resolve(this.#verdict);
          } else if (error !== undefined) {
            reject(error);
          }
        };
      });
      this.#joined = { promise, settle };
      settle(this.#refusal);
      this.holdWeakly();
    }
    return this.#joined.promise;
  }

  /** The place of the next item that wasn't read, once the topic is joined: to begin there another time. */
  get position(): Position | undefined {
    return this.#position;
  }

  /** @internal */
  override wake(): void {
    // What becomes of the join comes before anybody asks for an item.
    if (this.#verdict === undefined && !this.isOver) {
      this.bridge.poll(this.id);
    }
    super.wake();
  }

  /** @internal */
  hear(what: What, code: number, a: number, b: number, bytes: Uint8Array): void {
    switch (what) {
      case What.Joined:
        this.#position = { epoch: toHex(bytes), offset: a };
        this.#verdict = VERDICTS[code] ?? "begun";
        this.#joined?.settle();
        this.holdWeakly();
        break;
      case What.Publication: {
        this.#passed(a + 1);
        const { name, codec } = this.#kind;
        const read = () => decode(name, bytes, codec?.item) as Item;
        this.give(() => ({ type: "item", offset: a, item: read() }));
        break;
      }
      case What.Gap:
        this.#passed(b);
        this.give(() => ({ type: "gap", from: a, to: b }));
        break;
      case What.NewEpoch: {
        const position = { epoch: toHex(bytes), offset: a };
        this.#position = position;
        this.give(() => ({ type: "new_epoch", position }));
        break;
      }
      case What.NotRejoined:
        this.give(() => ({ type: "refused", code: refusal(code) }));
        break;
      case What.Settled:
        // Of one that is joined it is the end of its client, which the module may not have told yet.
        this.finish(this.#verdict === undefined ? requestError(this.#kind, code, a, bytes) : undefined);
        break;
      default:
        this.finish();
    }
  }

  protected override get isAwaited(): boolean {
    return this.#joined !== undefined && this.#verdict === undefined;
  }

  protected override finish(error?: unknown): void {
    if (this.#verdict === undefined && !this.isOver) {
      const given = "the subscription was given up before the topic was joined";
      this.#refusal = error ?? new TwinwireError("cancelled", given);
      this.#joined?.settle(this.#refusal);
    }
    super.finish(error);
  }

  #passed(next: number): void {
    if (this.#position !== undefined) {
      this.#position = { ...this.#position, offset: next };
    }
  }
}
