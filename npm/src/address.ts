// Where the module is for pages and workers.

/** Returns the module's address: beside this script. */
export function address(): string {
  // Vite before 8 leaves the address as it is in development, where it moves the package's scripts to another folder.
  return new URL("./core_bg.wasm", import.meta.url).href.replace("/.vite/deps/", "/twinwire/dist/");
}
