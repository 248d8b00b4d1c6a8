import type { First, Owner } from "./bridge.js";
import { VALUE, requestError } from "./codes.js";
import { Iteration } from "./iteration.js";
import { decode } from "./json.js";
import type { Kind } from "./kinds.js";
import { What } from "./tell.js";

/**
 * The items that answer a stream's request, in order. It ends well, or with the error that the next `next()` throws. Whoever
 * takes none makes the server wait when 64 KiB are here.
 */
export class Stream<Item> extends Iteration<Item> {
  readonly #kind: Kind;

  /** @internal */
  constructor(
    owner: Owner,
    kind: Kind,
    place: number,
    payload: string,
    signal: AbortSignal | undefined,
    first: First | undefined,
  ) {
    super(owner, signal);
    this.#kind = kind;
    if (!signal?.aborted) {
      this.bridge.start(this.id, (core, id) => core.stream(id, place, payload), first);
    }
  }

  /** @internal */
  hear(what: What, code: number, retry: number, _: number, bytes: Uint8Array): void {
    const { name, codec } = this.#kind;
    if (what === What.Item) {
      this.give(() => decode(name, bytes, codec?.item) as Item);
    } else if (code === VALUE) {
      this.finish();
    } else {
      this.finish(requestError(this.#kind, code, retry, bytes));
    }
  }
}
