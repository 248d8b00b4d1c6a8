// Generated from samples of the Rust types: what Rust writes or reads. Do not edit.
import type { Board, Measure, Moved, Object, Page_Profile, Ping, Store, StoreError, Tree, Watch } from "../kinds.js";

export const storeWithoutTries: Store = {"profile":{"id":"18446744073709551615","balance":"-170141183460469231731687303715884105728","level":0.5,"initial":"é","picture":"AP8H","tags":["a","b"],"scores":{"18446744073709551615":["-1",null]},"place":[1.25,-0.5],"verified":true,"nothing":null,"friends":[{"type":"letter","at":["1 Main Street"]},{"type":"by_phone","at":["4912345",null]},{"type":"hidden"}]},"a-b":[1,2,3]};

export const store: Store = {"profile":{"id":"18446744073709551615","balance":"-170141183460469231731687303715884105728","level":0.5,"initial":"é","picture":"AP8H","tags":["a","b"],"scores":{"18446744073709551615":["-1",null]},"place":[1.25,-0.5],"verified":true,"nothing":null,"friends":[{"type":"letter","at":["1 Main Street"]},{"type":"by_phone","at":["4912345",null]},{"type":"hidden"}]},"maxTries":3,"a-b":[1,2,3]};

export const page: Page_Profile = {"items":[{"id":"18446744073709551615","balance":"-170141183460469231731687303715884105728","level":0.5,"initial":"é","picture":"AP8H","tags":["a","b"],"scores":{"18446744073709551615":["-1",null]},"place":[1.25,-0.5],"verified":true,"nothing":null,"friends":[]}],"next":2};

export const full: StoreError = {"Full":{"limit":"1"}};

export const conflict: StoreError = {"Conflict":"7"};

export const pair: StoreError = {"Pair":[1,"-1"]};

export const readOnly: StoreError = "read-only";

export const nothing: StoreError = {"Nothing":{}};

export const watch: Watch = {"root":{"inner":{"root":{"inner":null}}}};

export const tree: Tree = {"value":"1","children":[{"value":"2","children":[]},{"value":"18446744073709551615","children":[]}]};

export const moved: Moved = [{"x":1,"y":2},{"x":3,"y":4}];

export const board: Board = {"id":"340282366920938463463374607431768211455"};

export const ping: Ping = null;

export const object: Object = {};

export const measure: Measure = {"from":"20"};
