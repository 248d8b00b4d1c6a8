// Serves a folder's files as a server for the world would: with their types, a
// Content Security Policy, and 404 for what isn't there.
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join } from "node:path";

/** As little as a page with the package needs. */
const POLICY =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self' ws://127.0.0.1:*; img-src data:";

const TYPES = { ".html": "text/html", ".js": "text/javascript", ".wasm": "application/wasm" };

/** Serves `folder`, and gives the address. */
export async function serve(t, folder) {
  const http = createServer(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url, "http://localhost").pathname);
    const file = path.endsWith("/") ? `${path}index.html` : path;
    try {
      const bytes = await readFile(join(folder, file));
      const type = TYPES[extname(file)] ?? "application/octet-stream";
      response.writeHead(200, { "Content-Type": type, "Content-Security-Policy": POLICY }).end(bytes);
    } catch {
      response.writeHead(404).end();
    }
  });
  return listen(t, http);
}

/** Has a server listen on a port of its own until the story ends, and gives its address. */
export async function listen(t, http) {
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  t.after(() => {
    http.close();
    http.closeAllConnections();
  });
  return `http://127.0.0.1:${http.address().port}`;
}
