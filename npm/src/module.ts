// Loads the WebAssembly module, once however many entries and clients ask for it.

import { finish, imports, version } from "./core.js";
import { ConnectError } from "./errors.js";
import { Timer } from "./pending.js";

/** Where the WebAssembly module is, or the module itself. A string is a URL. */
export type Source = string | URL | Response | BufferSource | WebAssembly.Module;

/** The custom section in which `cargo xtask npm` writes the version. */
const SECTION = "twinwire";

/** How a module begins (WebAssembly Core §5.5.16). */
const MAGIC = [0x00, 0x61, 0x73, 0x6d];

/** Milliseconds until a module that couldn't be fetched may be. */
const RETRY = 1_000;

interface Loading {
  loaded: Promise<void>;
  /** True once it has failed, or somebody's time was up. */
  isInVain: boolean;
}

let loading: Loading | undefined;

/**
 * Loads the module from the source that the first caller gives. After a failure, a {@link ConnectError} of the code
 * `module`, and when it wasn't there in a caller's time, in milliseconds, the next caller's source is tried.
 */
export function load(source: () => Source | Promise<Source>, time: number = Timer.Longest): Promise<void> {
  const mine = loading?.isInVain === false ? loading : begin(source);
  return new Promise((resolve, reject) => {
    const expire = () => {
      mine.isInVain = true;
      reject(failed(`wasn't there within ${time} milliseconds`, RETRY));
    };
    const timer = setTimeout(expire, Math.min(time, Timer.Longest));
    mine.loaded.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

function begin(source: () => Source | Promise<Source>): Loading {
  const mine: Loading = { loaded: Promise.resolve(), isInVain: false };
  loading = mine;
  mine.loaded = instantiate(source, mine).catch((error: unknown) => {
    mine.isInVain = true;
    throw error instanceof ConnectError ? error : failed(`can't be loaded: ${error}`);
  });
  return mine;
}

function failed(why: string, retry?: number): ConnectError {
  return new ConnectError("module", `Twinwire's core_bg.wasm ${why}`, retry);
}

async function instantiate(source: () => Source | Promise<Source>, mine: Loading): Promise<void> {
  const module = await compile(await source());
  // Before instantiation, which fails with names of imports if these differ.
  check(module);
  const instance = await WebAssembly.instantiate(module, imports());
  // All clients share one instance: another source was asked meanwhile.
  if (loading !== mine) {
    throw failed("came too late", RETRY);
  }
  mine.isInVain = false;
  finish(instance, module);
}

async function compile(source: Source): Promise<WebAssembly.Module> {
  if (typeof source === "string" || source instanceof URL) {
    const response = fetch(source).catch((error: unknown) => {
      // As when a server isn't to be reached.
      throw failed(`can't be fetched from ${source}: ${error}`, RETRY);
    });
    return compile(await response);
  }
  if (source instanceof Response) {
    return compileResponse(source);
  }
  return source instanceof WebAssembly.Module ? source : WebAssembly.compile(source);
}

async function compileResponse(response: Response): Promise<WebAssembly.Module> {
  const type = response.headers.get("content-type");
  if (response.ok && type === "application/wasm") {
    return WebAssembly.compileStreaming(response).catch(broken);
  }
  // Of another type are a file that Deno or Bun reads, and what a server sends that doesn't know WebAssembly.
  const bytes = new Uint8Array(await response.arrayBuffer().catch(broken));
  if (!response.ok || MAGIC.some((byte, index) => bytes[index] !== byte)) {
    // Servers of single pages send their page for whatever isn't there.
    throw failed(
      `isn't at ${response.url} (status ${response.status}, ${type}): ` +
        'have your bundler copy it, or import from "twinwire/inline"',
      response.status >= 500 || [408, 429].includes(response.status) ? RETRY : undefined,
    );
  }
  return WebAssembly.compile(bytes);
}

/** Throws the error of a body: unless that can't be compiled, its connection broke. */
function broken(error: unknown): never {
  throw error instanceof WebAssembly.CompileError ? error : failed(`broke off: ${error}`, RETRY);
}

function check(module: WebAssembly.Module): void {
  const [section] = WebAssembly.Module.customSections(module, SECTION);
  const found = section && new TextDecoder().decode(section);
  if (found !== version) {
    throw failed(
      `is of ${found ? `version ${found}` : "an unknown version"}, its JavaScript of version ${version}: ` +
        "serve both from one package",
    );
  }
}
