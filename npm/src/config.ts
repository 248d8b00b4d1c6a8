// The module's client of an address, of its kinds and its options.

import type { Bridge } from "./bridge.js";
import type { ConnectOptions, Token } from "./client.js";
import { Config, type Core } from "./core.js";
import { ConnectError } from "./errors.js";
import { fromHex } from "./json.js";
import type { Kind } from "./kinds.js";

/** Who hears of a client, and the places of its kinds in the table. */
interface Facade {
  readonly bridge: Bridge;
  readonly places: Map<string, number>;
}

/** Starts the module's client. Throws a {@link ConnectError} if its kinds can't be declared. */
export function started<Kinds extends readonly Kind[]>(
  { bridge, places }: Facade,
  url: string,
  kinds: Kinds,
  options: ConnectOptions<Kinds>,
): Core {
  const config = configured(bridge.number, url, kinds, options, places);
  const core = config.connect(typeof options.token === "function", options.onSessionReplaced !== undefined);
  if (core === undefined) {
    throw new ConnectError("kinds", "the kinds can't be declared: two have one name, or they are more than 512");
  }
  return core;
}

const CLASSES = ["call", "stream", "event", "topic"];

function configured(
  number: number,
  url: string,
  kinds: readonly Kind[],
  options: ConnectOptions<never> | ConnectOptions,
  places: Map<string, number>,
): Config {
  const config = new Config(number, url);
  kinds.forEach(({ name, class: of, fingerprint, outline }, place) => {
    places.set(name, place);
    // The digits stand in the other order than the bytes on the wire.
    const bytes = fromHex(fingerprint).reverse();
    if (!config.kind(name, CLASSES.indexOf(of), bytes, outline)) {
      config.free();
      throw new ConnectError("kinds", `${name} is no kind: generate the file of kinds anew`);
    }
  });
  const { token, connectTimeout, maxBackoff, callTimeout, reconnect, carryOver } = options;
  if (token !== undefined && typeof token !== "function") {
    config.token(bytesOf(token));
  }
  if (options.webSocket !== undefined) {
    config.web_socket(options.webSocket);
  }
  config.times(connectTimeout ?? 30_000, maxBackoff ?? 5_000, callTimeout ?? 30_000);
  config.absence(reconnect ?? true, carryOver ?? true);
  return config;
}

export function bytesOf(token: Token): Uint8Array {
  if (token instanceof Uint8Array) {
    return token;
  }
  if (typeof token === "string") {
    return new TextEncoder().encode(token);
  }
  throw new TypeError("a token is a string or a Uint8Array: look at what is given as `token`");
}
