import { TwinwireError } from "./errors.js";

/** A constructor of WebSockets: the global one, or that of the package `ws`, whose types name more than browsers have. */
export type WebSocketConstructor = new (
  url: string,
  protocols: string[],
) => {
  readonly readyState: number;
  readonly bufferedAmount: number;
  send(data: string): void;
  close(code?: number, reason?: string): void;
};

/** How to open a {@link Socket}. */
export interface SocketOptions {
  /** The subprotocols to offer, the preferred first. */
  readonly protocols?: readonly string[] | undefined;
  /** Aborting it gives up a socket that isn't open yet. */
  readonly signal?: AbortSignal | undefined;
  /** The constructor of WebSockets, where there is no global one: `ws` in Node 20. */
  readonly webSocket?: WebSocketConstructor | undefined;
}

/** An open socket. */
export interface OpenSocket {
  /**
   * The messages: texts, and bytes. Up to 4 MiB wait for the reader, where each message counts 4 KiB at least; beyond that
   * the socket is closed, and the stream has an error with the code `overflow`.
   */
  readonly readable: ReadableStream<string | Uint8Array>;
  /** Sends texts and bytes. Its writers wait while 1 MiB hasn't left. Closing it closes the socket, aborting it as well. */
  readonly writable: WritableStream<string | BufferSource>;
  /** The subprotocol that the server chose, or nothing. */
  readonly protocol: string;
}

/** How a socket was closed. */
export interface SocketClose {
  /** The code of RFC 6455 §7.4; 1005 if the other side gave none. */
  readonly closeCode?: number | undefined;
  readonly reason?: string | undefined;
}

const READ_BYTES = 4 * 1024 * 1024;
const LEAST_BYTES = 4 * 1024;
const WRITE_BYTES = 1024 * 1024;

/** How long to wait before looking again how much has left: browsers tell nobody. */
const LOOK = 2;

/** The code of this side's close when nobody reads: that of the Rust client's socket. */
const OVERFLOW = 4900;

function size(message: string | Uint8Array | undefined): number {
  return Math.max(message?.length ?? 0, LEAST_BYTES);
}

/**
 * A WebSocket to any server as a pair of streams, in the shape of the proposed `WebSocketStream`. It speaks no protocol of
 * Twinwire's, and doesn't come back when its connection is lost.
 */
export class Socket {
  readonly url: string;
  /** Resolves once the socket is open. */
  readonly opened: Promise<OpenSocket>;
  /** Resolves once the socket is closed as both sides agreed; rejects if the connection was lost, or never came about. */
  readonly closed: Promise<Required<SocketClose>>;
  readonly #socket: WebSocket;
  #overflow: TwinwireError | undefined;

  /** Throws a `SyntaxError` if the address is none, or no protocol can have such a name. */
  constructor(url: string | URL, options: SocketOptions = {}) {
    const { protocols = [], signal } = options;
    signal?.throwIfAborted();
    this.url = address(url);
    const socket = new (options.webSocket ?? WebSocket)(this.url, [...protocols]) as WebSocket;
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    const isOpen = new Promise<Event>((resolve) => socket.addEventListener("open", resolve));
    this.closed = new Promise((resolve, reject) => {
      // A close event follows, and says more. Node's emitters throw an error that nobody listens to.
      socket.addEventListener("error", () => {});
      const abort = () => {
        reject(signal?.reason);
        socket.close();
      };
      signal?.addEventListener("abort", abort);
      const release = () => signal?.removeEventListener("abort", abort);
      socket.addEventListener("open", release);
      socket.addEventListener("close", ({ wasClean, code, reason }) => {
        release();
        if (this.#overflow !== undefined) {
          reject(this.#overflow);
        } else if (wasClean) {
          resolve({ closeCode: code, reason });
        } else {
          reject(new TwinwireError("lost", `the connection to ${this.url} was lost, or never came about: code ${code}`, 0));
        }
      });
    });
    // Messages may come right after the opening: the streams are there before.
    const [readable, writable] = [this.#readable(), this.#writable()];
    const never = this.closed.then(() => {
      throw new TwinwireError("closed", `${this.url} was closed before it was open`);
    });
    this.opened = Promise.race([isOpen, never]).then(() => ({ readable, writable, protocol: socket.protocol }));
    // Nobody has to look at both.
    for (const promise of [this.closed, this.opened, never] as const) {
      promise.catch(() => {});
    }
  }

  /** Begins to close the socket: with a code from 3000 to 4999, or 1000. */
  close({ closeCode, reason }: SocketClose = {}): void {
    this.#socket.close(closeCode ?? (reason === undefined ? undefined : 1000), reason);
  }

  #readable(): ReadableStream<string | Uint8Array> {
    const start = (controller: ReadableStreamDefaultController<string | Uint8Array>) => {
      this.#socket.addEventListener("message", ({ data }) => {
        if (this.#overflow !== undefined) {
          return;
        }
        if ((controller.desiredSize ?? 0) > 0) {
          controller.enqueue(typeof data === "string" ? data : new Uint8Array(data));
          return;
        }
        const why = `more came from ${this.url} than was read, and 4 MiB wait: read faster, or have less sent`;
        this.#overflow = new TwinwireError("overflow", why, 0);
        controller.error(this.#overflow);
        this.close({ closeCode: OVERFLOW, reason: "the reader is too slow" });
      });
      this.closed.then(
        () => controller.desiredSize !== null && close(controller),
        (error: unknown) => controller.error(error),
      );
    };
    return new ReadableStream({ start, cancel: () => this.close() }, { highWaterMark: READ_BYTES, size });
  }

  #writable(): WritableStream<string | BufferSource> {
    const socket = this.#socket;
    const start = (controller: WritableStreamDefaultController) => {
      const end = (error?: unknown) =>
        controller.error(error ?? new TwinwireError("closed", `${this.url} is closed`));
      this.closed.then(() => end(), end);
    };
    const write = async (message: string | BufferSource) => {
      socket.send(message as string);
      while (socket.readyState === socket.OPEN && socket.bufferedAmount >= WRITE_BYTES) {
        await new Promise((resolve) => setTimeout(resolve, LOOK));
      }
    };
    const close = async () => {
      this.close();
      await this.closed;
    };
    return new WritableStream({ start, write, close, abort: () => this.close() });
  }
}

/** Closes a stream that isn't cancelled. */
function close(controller: ReadableStreamDefaultController): void {
  try {
    controller.close();
  } catch {
    // It is closed already: its reader has cancelled it.
  }
}

/** Returns the address of a WebSocket: relative to the page, and with a WebSocket's scheme. */
function address(url: string | URL): string {
  const address = new URL(url, globalThis.location?.href);
  address.protocol = address.protocol.replace("http", "ws");
  return address.href;
}
