// What can go wrong, in words.

/** Why a request brought nothing, in one word. The server's refusals and goodbyes have their names in PROTOCOL.md. */
export type Code =
  | "application"
  | "deadline"
  | "not_received"
  | "closed"
  | "unknown"
  | "undeclared"
  | "too_large_to_send"
  | "position"
  | "unreadable"
  | "unwritable"
  | (string & {});

/** A request brought nothing, or no connection came about. */
export class TwinwireError extends Error {
  // Minifiers change the names of classes.
  override readonly name: string = "TwinwireError";
  /** The cause in one word. */
  readonly code: Code;
  /** The milliseconds to wait before trying again; `undefined` if that would end the same way. */
  readonly retry: number | undefined;

  constructor(code: Code, message: string, retry?: number, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.retry = retry;
  }
}

/** What the errors of all copies of the package have: a program may have loaded two. */
const APPLICATION = Symbol.for("twinwire.ApplicationError");

/**
 * The application's own error: the other end's handler answered with it. A handler throws one to answer with it. That of
 * another copy of the package is an instance too.
 */
export class ApplicationError<Data = unknown> extends TwinwireError {
  override readonly name = "ApplicationError";
  /** The error, of the type that the kind names. */
  readonly data: Data;
  /** The name of the kind that was asked for; `undefined` in an error of which a handler makes its answer. */
  readonly kind: string | undefined;

  constructor(data: Data, kind?: string) {
    super("application", `${kind ?? "the call"} was answered with an error: ${written(data)}`);
    this.data = data;
    this.kind = kind;
    Object.assign(this, { [APPLICATION]: true });
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    // A subclass has its own instances only.
    return this === ApplicationError
      ? typeof value === "object" && value !== null && APPLICATION in value
      : Function.prototype[Symbol.hasInstance].call(this, value);
  }
}

/** Writes data for a person, as far as JSON can hold it. */
function written(data: unknown): string | undefined {
  try {
    return JSON.stringify(data, (_, value) => (typeof value === "bigint" ? `${value}` : value));
  } catch {
    return "data that can't be shown";
  }
}

/** The other end refused the request. */
export class RefusedError extends TwinwireError {
  override readonly name = "RefusedError";
}

/** No connection came about, or it ended for good. */
export class ConnectError extends TwinwireError {
  override readonly name = "ConnectError";
  /** The HTTP status that answered the handshake, if that is known. */
  readonly status: number | undefined;

  constructor(code: Code, message: string, retry?: number, status?: number, options?: ErrorOptions) {
    super(code, message, retry, options);
    this.status = status;
  }
}
