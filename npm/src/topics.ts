// Topics whose items components share. Nothing of React is here: `react.ts` reads their snapshots.

import type { Client } from "./client.js";
import { RefusedError } from "./errors.js";
import type { TopicKind } from "./kinds.js";
import type { Position, Subscription, Update } from "./subscription.js";

/** Milliseconds for which a subscription without components goes on. */
const LINGER = 1_000;

/** The topics of one client whose items are kept for components that come back. */
const MOST_KEPT = 32;

/** One item of a topic. */
export interface TopicItem<Item> {
  /** Unique among the items, also where a log has begun anew: the `key` of an element. */
  readonly id: string;
  /** The place in the topic's log. */
  readonly offset: number;
  readonly item: Item;
}

/** A topic as a component sees it. */
export interface Topic<Item> {
  /** The newest items, in order. */
  readonly items: readonly TopicItem<Item>[];
  /** The newest loss: items that the log no longer has, or a log that has begun anew. */
  readonly gap: Extract<Update<Item>, { type: "gap" | "new_epoch" }> | undefined;
  /** `ended` when the server refuses the subscription, or ends it. */
  readonly state: "joining" | "joined" | "ended";
  /** The cause if the subscription was refused, or an item can't be read. */
  readonly error: Error | undefined;
}

/** A topic before its subscription begins. */
export const JOINING: Topic<never> = { items: [], gap: undefined, state: "joining", error: undefined };

/** A topic of a client that has it among its kinds. */
export interface TopicArguments {
  readonly client: Client;
  readonly kind: TopicKind<unknown, unknown>;
  readonly key: unknown;
  /** The number of items to begin with, and to keep at most. */
  readonly last: number;
}

const shared = new WeakMap<Client, Map<string, SharedTopic>>();

/** Returns the snapshot of a topic that some component uses or has used. */
export function topicOf(client: Client, id: string): Topic<unknown> | undefined {
  return shared.get(client)?.get(id)?.snapshot;
}

/** Uses a topic, to which the first user subscribes; returns the function that leaves it. */
export function acquireTopic(id: string, given: TopicArguments, changed: () => void): () => void {
  let topics = shared.get(given.client);
  if (topics === undefined) {
    topics = new Map();
    shared.set(given.client, topics);
  }
  const topic = topics.get(id) ?? new SharedTopic();
  // The most recently used one is the last that is forgotten.
  topics.delete(id);
  topics.set(id, topic);
  forget(topics);
  return topic.acquire(given, changed);
}

/** Forgets the topics that nobody has used for longest. */
function forget(topics: Map<string, SharedTopic>): void {
  for (const [id, topic] of topics) {
    if (topics.size <= MOST_KEPT) {
      return;
    }
    if (topic.isIdle) {
      topics.delete(id);
    }
  }
}

/** A subscription with its users. Its items stay when the last user has left. */
class SharedTopic {
  snapshot: Topic<unknown> = JOINING;
  readonly #users = new Set<{ readonly changed: () => void }>();
  #last = 0;
  #subscription: Subscription<unknown> | undefined;
  #position: Position | undefined;
  #linger: ReturnType<typeof setTimeout> | undefined;
  /** What has come since the users were told. */
  #heard: Topic<unknown> | undefined;

  acquire(given: TopicArguments, changed: () => void): () => void {
    clearTimeout(this.#linger);
    const user = { changed };
    this.#users.add(user);
    this.#last = Math.max(this.#last, given.last);
    if (this.#subscription === undefined) {
      this.#subscribe(given);
    }
    return () => {
      if (this.#users.delete(user) && this.#users.size === 0) {
        this.#linger = setTimeout(() => this.#leave(), LINGER);
      }
    };
  }

  /** True if nobody uses the topic, and it isn't subscribed to. */
  get isIdle(): boolean {
    return this.#users.size === 0 && this.#subscription === undefined;
  }

  #subscribe({ client, kind, key, last }: TopicArguments): void {
    // What was read before is here already.
    const from = this.#position ?? { last };
    this.#change({ state: "joining", error: undefined });
    try {
      const subscription = client.subscribe(kind, key, { from });
      this.#subscription = subscription;
      const joined = () => this.#is(subscription) && this.#change({ state: "joined" });
      subscription.joined.then(joined, () => undefined);
      void this.#read(subscription);
    } catch (error) {
      // A key that can't be written, or a kind that the client doesn't have.
      this.#change({ state: "ended", error: error as Error });
    }
  }

  async #read(subscription: Subscription<unknown>): Promise<void> {
    for (let done: boolean | undefined = false; !done; ) {
      try {
        const result = await subscription.next();
        done = result.done;
        if (!result.done) {
          this.#hear(subscription, result.value);
        }
      } catch (error) {
        // The next item may be readable; after the subscription's own error comes its end.
        this.#change({ error: error as Error });
      }
    }
    if (this.#is(subscription)) {
      this.#leave();
      this.#change({ state: "ended" });
    }
  }

  #hear(subscription: Subscription<unknown>, update: Update<unknown>): void {
    const { items } = this.#heard ?? this.snapshot;
    if (update.type === "item") {
      const { offset, item } = update;
      const id = `${subscription.position?.epoch}:${offset}`;
      const kept = items.slice(Math.max(0, items.length + 1 - this.#last));
      this.#change({ items: [...kept, { id, offset, item }] });
    } else if (update.type === "refused") {
      const why = "the server doesn't let this client into the topic again: look at what its `access` allows";
      this.#change({ error: new RefusedError(update.code, why) });
    } else {
      this.#change({ gap: update });
    }
  }

  #is(subscription: Subscription<unknown>): boolean {
    return this.#subscription === subscription;
  }

  #leave(): void {
    const subscription = this.#subscription;
    this.#subscription = undefined;
    this.#position = subscription?.position ?? this.#position;
    void subscription?.return();
  }

  /** Tells the users in a turn of its own: once for many items that come together. */
  #change(change: Partial<Topic<unknown>>): void {
    if (this.#heard === undefined) {
      setTimeout(() => this.#tell());
    }
    this.#heard = { ...(this.#heard ?? this.snapshot), ...change };
  }

  #tell(): void {
    this.snapshot = this.#heard ?? this.snapshot;
    this.#heard = undefined;
    for (const { changed } of [...this.#users]) {
      changed();
    }
  }
}
