// Where the cases run: in Node, or in a page.

import { connectBy } from "../../dist/client.js";
import { finish, imports } from "../../dist/core.js";
import { kinds } from "../../build/test/suite.js";
import { equal } from "./check.mjs";

/** What a case runs on. Its clients are closed when it is over; then an error that was uncaught fails it. */
export class Platform {
  #place;
  #clients = [];

  /**
   * @param {object} place
   * @param {() => unknown} place.source gives the module's bytes
   * @param {number} place.peer the port of the peer of bare sockets
   * @param {number} place.wire the port of the suite's endpoint
   * @param {number} place.breaking the port of a link to it whose connections break
   * @param {Function} [place.webSocket]
   * @param {boolean} [place.shared] whether connections are a shared worker's
   * @param {string[]} place.reports grows by each error that is reported as uncaught
   */
  constructor(place) {
    this.#place = place;
  }

  /** The address of a path of the endpoint. */
  url(path = "/ws") {
    return `ws://127.0.0.1:${this.#place.wire}${path}`;
  }

  get breakingUrl() {
    return `ws://127.0.0.1:${this.#place.breaking}/ws`;
  }

  /** The address of a path of the peer, which does as the path says. */
  peer(path) {
    return `ws://127.0.0.1:${this.#place.peer}${path}`;
  }

  get webSocket() {
    return this.#place.webSocket;
  }

  /** The errors that were reported as uncaught. */
  get reports() {
    return this.#place.reports;
  }

  /** Loads the module; returns its exports. */
  load() {
    Platform.module ??= (async () => {
      const { instance, module } = await WebAssembly.instantiate(await this.#place.source(), imports());
      return finish(instance, module);
    })();
    return Platform.module;
  }

  /** Connects a client, which is held and closed in the end unless that is left to the case. */
  async connect(options = {}, url = this.url(), of = kinds, isHeld = true) {
    const connect = connectBy(() => this.load());
    const { webSocket, shared } = this.#place;
    // Each client of a case is to be a peer of its own. One worker, which is there already, holds them all.
    const worker = () => new SharedWorker("/dist/worker.js", { type: "module" });
    const sharing = shared ? { shared, identity: crypto.randomUUID(), worker } : {};
    const client = await connect(url, of, { webSocket, ...sharing, ...options });
    if (isHeld) this.#clients.push(client);
    return client;
  }

  /** Prints a line of figures, where whoever runs the suite looks for them. */
  tell(figures) {
    console.log(`figures: ${figures}`);
  }

  /** Waits until errors with these messages were reported as uncaught, and takes them: what is left in the end fails the case. */
  async reported(messages) {
    const { reports } = this.#place;
    for (const message of messages) {
      const find = () => reports.findIndex((report) => report.includes(message));
      while (find() < 0) {
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      reports.splice(find(), 1);
    }
  }

  async end() {
    await Promise.all(this.#clients.splice(0).map((client) => client.close()));
    equal(this.reports.splice(0), [], "what else was reported as uncaught");
  }
}
