// Why no WebSocket opens: browsers hide that from pages, and tell it of plain HTTP.

import { ConnectError } from "./errors.js";

/** How long the answer may take, in milliseconds. */
const PATIENCE = 2_000;

/** The longest reason that is read, in bytes. */
const LONGEST = 512;

/** Returns the error with what the address answers to HTTP; as it was if nobody answers, or the page may not read that. */
export async function explained(error: ConnectError, url: string): Promise<ConnectError> {
  try {
    const address = new URL(url, globalThis.location?.href);
    // `ws:` is to `http:` as `wss:` is to `https:`.
    address.protocol = address.protocol.replace("ws", "http");
    const answer = await fetch(address, {
      cache: "no-store",
      redirect: "manual",
      // A handshake tells the page's origin, a question to that very origin doesn't, but by its referrer.
      referrerPolicy: "origin",
      signal: AbortSignal.timeout(PATIENCE),
    });
    const { status } = answer;
    // A redirect, which isn't for a page to see, has none.
    if (status > 0) {
      const said = `by HTTP its address answers with status ${status}${await reason(answer)}`;
      return new ConnectError("status", `no connection to ${url}: ${said}`, error.retry, status);
    }
  } catch {
    // The first error is all there is.
  }
  return error;
}

/** Reads the first line of plain text, in the first chunk of a body, however long the rest may be. */
async function reason({ headers, body }: Response): Promise<string> {
  if (!headers.get("content-type")?.startsWith("text/plain") || body === null) {
    return "";
  }
  const reader = body.getReader();
  const { value } = await reader.read();
  void reader.cancel().catch(() => undefined);
  const [line] = new TextDecoder().decode(value?.subarray(0, LONGEST)).split("\n");
  return line ? `: ${line.trimEnd()}` : "";
}
