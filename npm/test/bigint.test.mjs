// Codecs of files generated with `bigint`, against what Rust writes. `cargo xtask test npm` compiles them before.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Board, Moved, Store, Watch } from "../build/test/kinds-bigint.js";
import * as samples from "../build/test/samples/samples.js";

const inCodec = [
  [Store.codec.request, samples.store],
  [Store.codec.request, samples.storeWithoutTries],
  [Store.codec.reply, samples.page],
  [Store.codec.error, samples.full],
  [Store.codec.error, samples.conflict],
  [Store.codec.error, samples.pair],
  [Store.codec.error, samples.readOnly],
  [Store.codec.error, samples.nothing],
  [Watch.codec.item, samples.tree],
  [Board.codec.request, samples.board],
];

test("what a codec decodes, it encodes again as Rust wrote it", () => {
  for (const [codec, json] of inCodec) {
    const before = JSON.stringify(json);
    assert.equal(JSON.stringify(codec.encode(codec.decode(json))), before);
    assert.equal(JSON.stringify(json), before, "the JSON itself is left alone");
  }
});

test("wide integers are bigint wherever they are, and nothing else is", () => {
  const { profile } = Store.codec.request.decode(samples.store);
  assert.equal(profile.id, 2n ** 64n - 1n);
  assert.equal(profile.balance, -(2n ** 127n));
  assert.deepEqual(profile.scores, { [`${2n ** 64n - 1n}`]: [-1n, null] });
  assert.deepEqual(profile.friends.slice(1), [{ type: "by_phone", at: [4912345n, null] }, { type: "hidden" }]);
  assert.deepEqual({ ...profile, id: 0, balance: 0, scores: 0, friends: 0 }, {
    ...samples.store.profile, id: 0, balance: 0, scores: 0, friends: 0,
  });
  const { value, children } = Watch.codec.item.decode(samples.tree);
  assert.deepEqual([value, ...children.map((child) => child.value)], [1n, 2n, 2n ** 64n - 1n]);
  assert.deepEqual(Store.codec.error.decode(samples.pair), { Pair: [1, -1n] });
  assert.deepEqual(Board.codec.item.decode({ Ok: "5" }), { Ok: 5n });
});

test("only kinds that carry wide integers have a codec", () => {
  assert.equal(Moved.codec, undefined);
  assert.deepEqual(Object.keys(Watch.codec), ["item"]);
});

test("what is no decimal integer is refused", () => {
  for (const id of [5, "", "0x10", "1.5", " 1", "-0", "01", null]) {
    assert.throws(() => Board.codec.request.decode({ id }), TypeError);
  }
});
