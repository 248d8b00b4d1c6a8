// Web Locks as signs of life: one that a tab or a worker holds is free when that is gone, however it went.

/** Holds a new lock until `release`; resolves with its name once it is held. */
export async function holdLock(): Promise<{ readonly name: string; readonly release: () => void }> {
  const name = `twinwire ${crypto.randomUUID()}`;
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  await new Promise<void>((resolve, reject) => {
    const hold = () => {
      resolve();
      return held;
    };
    navigator.locks.request(name, hold).catch(reject);
  });
  return { name, release };
}

/** Calls `released` once nobody holds a lock any more, unless the signal is aborted before. */
export function watchLock(name: string, released: () => void, signal: AbortSignal): void {
  const request = navigator.locks.request(name, { signal }, () => {
    if (!signal.aborted) {
      released();
    }
  });
  // Aborted, or of a page that is going.
  request.catch(() => undefined);
}
