// The bare socket, against the peer that misbehaves when it is asked to.

import { Socket } from "../../dist/socket.js";
import { code, equal, failure, ok } from "./check.mjs";

/** Opens a socket to a path of the peer. */
async function open(platform, path, options = {}) {
  const socket = new Socket(platform.peer(path), { webSocket: platform.webSocket, ...options });
  const { readable, writable, protocol } = await socket.opened;
  return { socket, reader: readable.getReader(), writer: writable.getWriter(), protocol };
}

export const sockets = {
  async "a socket sends and receives texts and bytes in order"(platform) {
    const { socket, reader, writer, protocol } = await open(platform, "/echo");
    equal(protocol, "");
    for (let number = 0; number < 200; number += 1) void writer.write(`${number}`);
    await writer.write(new Uint8Array([1, 2, 3]));
    await writer.write(new Uint8Array([4]).buffer);
    for (let number = 0; number < 200; number += 1) equal((await reader.read()).value, `${number}`);
    const bytes = (await reader.read()).value;
    ok(bytes instanceof Uint8Array, "bytes come as Uint8Array");
    equal([[...bytes], [...(await reader.read()).value]], [[1, 2, 3], [4]]);
    socket.close({ closeCode: 4002, reason: "enough" });
    equal((await socket.closed).closeCode, 4002);
    equal((await reader.read()).done, true);
    equal(await code(writer.write("late")), "closed");
  },

  async "a socket says which subprotocol the server chose"(platform) {
    const { socket, protocol } = await open(platform, "/protocols", { protocols: ["one", "two"] });
    equal(protocol, "two");
    socket.close();
  },

  async "a socket tells how the server closes it"(platform) {
    const { socket, reader, writer } = await open(platform, "/close?code=4001&reason=bye");
    equal(await socket.closed, { closeCode: 4001, reason: "bye" });
    equal((await reader.read()).done, true);
    equal(await code(writer.closed), "closed");
  },

  async "a socket that is refused, or whose connection is lost, has an error"(platform) {
    const refused = new Socket(platform.peer("/refuse"), { webSocket: platform.webSocket });
    equal([await code(refused.opened), await code(refused.closed)], ["lost", "lost"]);
    const { socket, reader } = await open(platform, "/abort");
    equal((await reader.read()).value, "last");
    equal([await code(reader.read()), await code(socket.closed)], ["lost", "lost"]);
  },

  async "a socket is given up while it connects"(platform) {
    const controller = new AbortController();
    const { signal } = controller;
    const socket = new Socket(platform.peer("/stall"), { signal, webSocket: platform.webSocket });
    const reason = new Error("enough");
    controller.abort(reason);
    ok((await failure(socket.opened)) === reason, "its error is the signal's reason");
    ok((await failure((async () => new Socket(platform.peer("/echo"), { signal }))())) === reason, "it doesn't begin");
    const other = new Socket(platform.peer("/stall"), { webSocket: platform.webSocket });
    other.close();
    equal(await code(other.opened), "lost");
  },

  async "a socket whose reader is too slow is closed with an error"(platform) {
    const { socket, reader } = await open(platform, "/push?count=5000&size=100&kind=text");
    equal(await code(socket.closed), "overflow");
    equal(await code(reader.read()), "overflow");
  },

  async "a reader that keeps up loses nothing"(platform) {
    const { socket, reader } = await open(platform, "/push?count=5000&size=3000&kind=binary&close=1000");
    let count = 0;
    for (;;) {
      const { done } = await reader.read();
      if (done) break;
      count += 1;
    }
    equal([count, (await socket.closed).closeCode], [5000, 1000]);
  },

  async "writers wait while the server reads nothing"(platform) {
    let inner;
    const Inner = platform.webSocket ?? WebSocket;
    const webSocket = class extends Inner {
      constructor(...parameters) {
        super(...parameters);
        inner = this;
      }
    };
    const key = `slow-${Math.random()}`;
    const { socket, reader, writer } = await open(platform, `/mute?key=${key}`, { webSocket });
    const chunk = new Uint8Array(64 * 1024);
    const writes = Array.from({ length: 400 }, () => writer.write(chunk));
    let written = 0;
    for (const write of writes) void write.then(() => (written += 1));
    while (inner.bufferedAmount < 1024 * 1024) await new Promise((resolve) => setTimeout(resolve, 1));
    const most = inner.bufferedAmount;
    ok(most <= 1024 * 1024 + 2 * chunk.length, `${most} bytes wait in the browser`);
    ok(written < 400, "some writers wait");
    const release = await open(platform, `/release?key=${key}`);
    equal((await release.reader.read()).value, "released");
    await Promise.all(writes);
    await writer.write("report");
    equal((await reader.read()).value, JSON.stringify({ messages: 400, bytes: 400 * chunk.length }));
    await writer.close();
    equal((await socket.closed).closeCode, 1005);
  },
};
