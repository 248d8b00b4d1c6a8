// The tabs that take the server's invitations to topics of one kind, in the worker.

import type { Bridge, Waiter } from "./bridge.js";
import type { Told } from "./port.js";
import { What } from "./tell.js";

/** One tab's stream of invitations. */
interface Invitee<Tab> {
  readonly tab: Tab;
  readonly tabId: number;
  /** Told, and not taken yet. */
  readonly untaken: Told[];
}

/** Gives each invitation to the tab in front, of those that take them. */
export class Invitees<Tab extends { tell(told: Told): void }> implements Waiter {
  readonly #id: number;
  #all: Invitee<Tab>[] = [];

  constructor(
    private readonly bridge: Bridge,
    kind: number,
    /** All tabs, those in front last. */
    private readonly tabs: readonly Tab[],
  ) {
    this.#id = bridge.add(this);
    bridge.core?.invitations(this.#id, kind);
  }

  /** Adds a stream, which ends an earlier one of the tab. */
  add(tab: Tab, tabId: number): void {
    const [earlier] = this.#all.filter((invitee) => invitee.tab === tab);
    this.#all.push({ tab, tabId, untaken: [] });
    if (earlier !== undefined) {
      end(earlier);
      this.remove(tab, earlier.tabId);
    }
    queueMicrotask(() => this.wake());
  }

  /** True if the tab has a stream of this id here. */
  has(tab: Tab, tabId: number): boolean {
    return this.#all.some((invitee) => invitee.tab === tab && invitee.tabId === tabId);
  }

  taken(tab: Tab, tabId: number): void {
    for (const invitee of this.#all) {
      if (invitee.tab === tab && invitee.tabId === tabId) {
        invitee.untaken.shift();
      }
    }
    this.wake();
  }

  /** Removes the streams of a tab, or one of them; what it hasn't taken goes to another. False if none is left. */
  remove(tab: Tab, tabId?: number): boolean {
    const isMeant = (invitee: Invitee<Tab>) =>
      invitee.tab === tab && (tabId === undefined || invitee.tabId === tabId);
    const left = this.#all.filter(isMeant);
    this.#all = this.#all.filter((invitee) => !isMeant(invitee));
    for (const told of left.flatMap(({ untaken }) => untaken)) {
      this.#give(told);
    }
    return this.#all.length > 0;
  }

  /** Refuses further invitations. */
  abort(): void {
    this.bridge.abort(this.#id);
  }

  hear(what: What, code: number, a: number, b: number, bytes: Uint8Array): void {
    if (what === What.Invited) {
      this.#give({ what, id: 0, code, a, b, bytes: bytes.slice() });
      return;
    }
    this.bridge.remove(this.#id);
    for (const invitee of this.#all.splice(0)) {
      end(invitee);
    }
  }

  wake(): void {
    // The others wait in the module.
    for (let next = this.#front(); next?.untaken.length === 0; next = this.#front()) {
      if (!this.bridge.poll(this.#id)) {
        break;
      }
    }
  }

  #front(): Invitee<Tab> | undefined {
    const places = (invitee: Invitee<Tab>) => this.tabs.indexOf(invitee.tab);
    return this.#all.reduce<Invitee<Tab> | undefined>(
      (front, invitee) => (front !== undefined && places(front) > places(invitee) ? front : invitee),
      undefined,
    );
  }

  #give(told: Told): void {
    const front = this.#front();
    if (front !== undefined) {
      const given = { ...told, id: front.tabId };
      front.untaken.push(given);
      front.tab.tell(given);
    }
  }
}

function end<Tab extends { tell(told: Told): void }>({ tab, tabId }: Invitee<Tab>): void {
  tab.tell({ what: What.Ended, id: tabId, code: 0, a: 0, b: 0, bytes: new Uint8Array() });
}
