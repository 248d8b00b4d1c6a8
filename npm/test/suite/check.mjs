// Assertions that pages have too, where there is no `node:assert`.

/** Returns a value as text: what JSON can't tell apart differs. */
export function show(value) {
  return JSON.stringify(value, (_, inner) => {
    if (typeof inner === "bigint") return `${inner}n`;
    return inner === undefined ? "undefined" : inner;
  });
}

export function ok(condition, message) {
  if (!condition) throw new Error(message);
}

export function equal(actual, expected, about = "it") {
  const [is, should] = [show(actual), show(expected)];
  ok(is === should, `${about} is ${is.slice(0, 400)}, not ${should.slice(0, 400)}`);
}

/** Returns the error of a promise. */
export async function failure(promise) {
  let value;
  try {
    value = await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`it brought ${show(value)}, and no error`);
}

/** Returns the code of a promise's error. */
export async function code(promise) {
  return (await failure(promise)).code;
}

/** Resolves when an event was dispatched after which `reached` is true. */
export async function until(target, type, reached) {
  while (!reached()) {
    await new Promise((resolve) => target.addEventListener(type, resolve, { once: true }));
  }
}

/** Calls a function with one more call at a time: the queue of what `on` hears. */
export function queue() {
  const [values, waiting] = [[], []];
  return {
    push: (value) => (waiting.length > 0 ? waiting.shift()(value) : void values.push(value)),
    next: () =>
      values.length > 0
        ? Promise.resolve(values.shift())
        : new Promise((resolve) => waiting.push(resolve)),
  };
}
