// A TCP link to a server, on a port of its own, that can be cut.
import { once } from "node:events";
import { connect, createServer } from "node:net";

/**
 * @param {import("./story.mjs").Teller} t
 * @param {{port: number}} server
 */
export async function startNetwork(t, server) {
  const network = new Network(server.port);
  t.after(() => network.end());
  await network.listen();
  return network;
}

class Network {
  /** Where the server is reached through it. */
  url = "";
  #target;
  #streams = new Set();
  #answers = new Map();
  #door = createServer((client) => this.#carry(client));

  constructor(target) {
    this.#target = target;
  }

  async listen() {
    this.#door.listen(0, "127.0.0.1");
    await once(this.#door, "listening");
    this.url = `http://localhost:${this.#door.address().port}`;
  }

  /** Breaks every connection that there is; new ones go through. */
  cut() {
    for (const stream of this.#streams) stream.resetAndDestroy();
  }

  /** Leads elsewhere from now on, and breaks what there is. */
  lead(server) {
    this.#target = server.port;
    this.cut();
  }

  /** Answers requests for this path itself from now on, as a proxy before the server may. */
  answers(path, status, headers = {}) {
    const lines = Object.entries({ ...headers, "Content-Length": 0 }).map(([name, value]) => `${name}: ${value}\r\n`);
    this.#answers.set(`GET ${path} `, `HTTP/1.1 ${status} x\r\n${lines.join("")}\r\n`);
  }

  /** Lets requests for this path through again. */
  passes(path) {
    this.#answers.delete(`GET ${path} `);
  }

  async end() {
    this.cut();
    this.#door.close();
  }

  #carry(client) {
    const server = connect(this.#target, "127.0.0.1");
    // Browsers send a request's head in one piece.
    client.on("data", (bytes) => {
      const head = bytes.toString("latin1");
      const answer = [...this.#answers].find(([request]) => head.startsWith(request));
      if (answer) client.write(answer[1]);
      else server.write(bytes);
    });
    client.on("end", () => server.end());
    server.pipe(client);
    for (const stream of [client, server]) {
      this.#streams.add(stream);
      stream.on("error", () => {});
      stream.on("close", () => {
        this.#streams.delete(stream);
        client.destroy();
        server.destroy();
      });
    }
  }
}
