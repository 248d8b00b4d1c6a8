// Calls in both directions.

import { ApplicationError, RefusedError } from "../../dist/public.js";
import { Add, AskMe, Count, Forget, Hang, Locate, Stopped, Subtract } from "../../build/test/suite.js";
import { code, equal, failure, ok } from "./check.mjs";

const MOST = 2n ** 64n - 1n;

export const calls = {
  async "a call brings its reply or its error, of a number that JavaScript's don't hold"(platform) {
    const client = await platform.connect();
    const left = MOST - 1n;
    equal(await client.call(Add, { left, right: 1n }), MOST);
    const error = await failure(client.call(Add, { left, right: 5n }));
    ok(error instanceof ApplicationError, `${error.stack}`);
    equal([error.code, error.data, error.retry], ["application", { by: 3n }, undefined]);
    equal(error.message, 'Add was answered with an error: {"by":"3"}');
  },

  async "calls run beside each other"(platform) {
    const client = await platform.connect();
    const hang = failure(client.call(Hang, {}));
    const numbers = Array.from({ length: 100 }, (_, number) => BigInt(number));
    const sums = await Promise.all(numbers.map((left) => client.call(Add, { left, right: 1n })));
    equal(sums, numbers.map((left) => left + 1n));
    await client.close();
    equal((await hang).code, "unknown");
  },

  async "a kind that the server lacks is refused, and nothing else is"(platform) {
    const client = await platform.connect();
    const error = await failure(client.call(Forget, {}));
    ok(error instanceof RefusedError, `${error.stack}`);
    equal([error.name, error.code], ["RefusedError", "unknown_kind"]);
    equal(await client.call(Add, { left: 1n, right: 1n }), 2n);
  },

  async "a kind that the server has otherwise is explained"(platform) {
    const client = await platform.connect();
    const error = await failure(client.call(Subtract, { from: 2n, what: 1n }));
    equal(error.code, "kind_differs");
    ok(/only here: .*reply: U64/.test(error.message) && /only there: .*reply: I64/.test(error.message), error.message);
    equal(await client.call(Add, { left: 1n, right: 1n }), 2n);
  },

  async "closing ends every call and every waiter"(platform) {
    const client = await platform.connect();
    const hang = failure(client.call(Hang, {}));
    equal(await client.call(Add, { left: 1n, right: 1n }), 2n);
    const closing = client.close();
    const end = await closing;
    equal([end.code, end.here], ["done", true]);
    equal(await client.closed, end);
    equal(await client.close(), end);
    equal(client.state, { type: "closed", end });
    equal((await hang).code, "unknown");
    equal(await code(client.call(Hang, {})), "closed");
    equal(await code(client.ping()), "closed");
  },

  async "what is disposed of ends"(platform) {
    // Not every runtime has them, and none of those may crash.
    const { dispose, asyncDispose } = Symbol;
    const client = await platform.connect();
    if (dispose === undefined) return;
    const items = client.stream(Count, { to: 2 ** 32 - 1, fail: false });
    await items.next();
    items[dispose]();
    equal(await client.call(Stopped, {}), null);
    const others = client.stream(Count, { to: 2 ** 32 - 1, fail: false });
    await others.next();
    await others[asyncDispose]();
    equal(await client.call(Stopped, {}), null);
    await client[asyncDispose]();
    equal(client.state.type, "closed");
    const other = await platform.connect();
    other[dispose]();
    equal((await other.closed).code, "done");
  },

  async "a call past its deadline ends"(platform) {
    const client = await platform.connect({ callTimeout: 50 });
    equal(await code(client.call(Hang, {})), "deadline");
  },

  async "a call that is aborted ends at once, and its client goes on"(platform) {
    const client = await platform.connect();
    const controller = new AbortController();
    const hang = failure(client.call(Hang, {}, { signal: controller.signal }));
    equal(await client.call(Add, { left: 1n, right: 1n }), 2n);
    const reason = new Error("enough");
    controller.abort(reason);
    ok((await hang) === reason, "it ends with the signal's reason");
    ok((await failure(client.call(Hang, {}, { signal: controller.signal }))) === reason, "also afterwards");
    equal(await client.call(Add, { left: 1n, right: 1n }), 2n);
  },

  async "the server calls its client"(platform) {
    const client = await platform.connect();
    const ask = (whom, options) => client.call(AskMe, { whom }, options);
    equal(await ask("Ada"), "refused NoHandler");
    client.handle(Locate, ({ whom }) => {
      if (whom === "nobody") throw new ApplicationError("not here");
      return Promise.resolve(`${whom} is here`);
    });
    equal(await Promise.all([ask("Ada"), ask("nobody")]), ['"Ada is here"', 'error "not here"']);
    client.handle(Locate, ({ whom }) => `${whom} is there`);
    equal(await ask("Ada"), '"Ada is there"');
  },

  async "an error of another copy of the package is an application's error"(platform) {
    const other = await import("../../dist/errors.js?another-copy");
    ok(other.ApplicationError !== ApplicationError, "another class");
    const client = await platform.connect();
    client.handle(Locate, () => {
      throw new other.ApplicationError("not here");
    });
    equal(await client.call(AskMe, { whom: "Ada" }), 'error "not here"');
    const error = await failure(client.call(Add, { left: MOST, right: 1n }));
    ok(error instanceof other.ApplicationError && error instanceof ApplicationError, "of both");
    class Own extends ApplicationError {}
    ok(!(error instanceof Own) && new Own("") instanceof Own && new Own("") instanceof other.ApplicationError, "a subclass");
    ok(![null, undefined, "text", new Error("none")].some((value) => value instanceof ApplicationError), "no other");
  },

  async "a handler hears that nobody waits for its answer"(platform) {
    const client = await platform.connect();
    const controller = new AbortController();
    const { signal } = controller;
    const cancelled = new Promise((resolve) => {
      client.handle(Locate, (_, context) => {
        controller.abort(new Error("enough"));
        return new Promise(() => context.signal.addEventListener("abort", () => resolve(context.signal.reason)));
      });
    });
    await failure(client.call(AskMe, { whom: "Ada" }, { signal }));
    equal((await cancelled).code, "cancelled");
    client.handle(Locate, () => "here");
    equal(await client.call(AskMe, { whom: "Ada" }), '"here"');
  },

  async "what is registered before the welcome answers the server's first call"(platform) {
    const client = await platform.connect({
      register: (early) => early.handle(Locate, ({ whom }) => `${whom} is here`),
    });
    equal(await client.call(AskMe, { whom: "Ada" }), '"Ada is here"');
  },
};
