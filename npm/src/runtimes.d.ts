// What the entries use of their runtimes: a compiler with the types of one would take them everywhere.

declare module "node:fs/promises" {
  export function readFile(file: URL): Promise<Uint8Array<ArrayBuffer>>;
}
