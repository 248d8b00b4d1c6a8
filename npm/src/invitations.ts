import type { Owner } from "./bridge.js";
import { Iteration } from "./iteration.js";
import { decode, encodeKey, toHex } from "./json.js";
import type { Kind } from "./kinds.js";
import { Subscription } from "./subscription.js";
import { What } from "./tell.js";

/** A topic into which the server has put this client. */
export interface Invitation<Key, Item> {
  readonly key: Key;
  /** What is published there, from the moment on at which the server wanted it. */
  readonly subscription: Subscription<Item>;
}

const EPOCH = 8;

/** The topics of one kind into which the server puts this client. Up to 64 wait; more are refused as `busy`. */
export class Invitations<Key, Item> extends Iteration<Invitation<Key, Item>> {
  readonly #kind: Kind;
  readonly #place: number;

  /** @internal */
  constructor(owner: Owner, kind: Kind, place: number) {
    super(owner);
    this.#kind = kind;
    this.#place = place;
    if (this.bridge.core?.invitations(this.id, place) !== true) {
      this.finish();
    }
  }

  /** @internal */
  hear(what: What, _code: number, offset: number, _b: number, bytes: Uint8Array): void {
    if (what !== What.Invited) {
      this.finish();
      return;
    }
    const { name, codec } = this.#kind;
    const from = { epoch: toHex(bytes.subarray(0, EPOCH)), offset };
    const payload = bytes.slice(EPOCH);
    this.give(() => {
      const key = decode(name, payload, codec?.request) as Key;
      const canonical = encodeKey(name, key, codec?.request);
      const [owner, kind, place] = [this.owner, this.#kind, this.#place];
      return { key, subscription: new Subscription<Item>(owner, kind, place, canonical, { from }) };
    });
  }
}
