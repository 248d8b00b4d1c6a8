/// <reference lib="esnext.disposable" preserve="true" />
// What `using` and `await using` call. Runtimes from before have no such symbols: there nobody finds what stands under these.

export const dispose: typeof Symbol.dispose = Symbol.dispose ?? /* @__PURE__ */ Symbol();
export const asyncDispose: typeof Symbol.asyncDispose =
  Symbol.asyncDispose ?? /* @__PURE__ */ Symbol();
