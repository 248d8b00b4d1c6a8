// Where the module is for pages and workers.

/** Returns the module's address, which is beside this script, or what was found there. */
export async function source(): Promise<string | Response> {
  const { href } = new URL("./core_bg.wasm", import.meta.url);
  // Vite before 8 leaves the address as it is in development, where it moves the package's scripts to the folder `deps` of
  // its cache: in node_modules, or wherever `cacheDir` is. Others may have a folder of that name too.
  const dist = href.replace(/^(.*(?=\/node_modules\/)|\w+:\/\/[^/]+).*\/deps\//, "$1/node_modules/twinwire/dist/");
  const found = dist === href ? undefined : await fetch(dist).catch(() => undefined);
  return found?.headers.get("content-type") === "application/wasm" ? found : href;
}
