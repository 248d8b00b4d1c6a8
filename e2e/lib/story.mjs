// A story is a test of what a person would see, bounded in time.
import { test } from "node:test";

/** Longer than any story takes on a busy machine; without it a lost event would hang for ever. */
const LIMIT = 120_000;

/**
 * @typedef {object} Teller
 * @property {(undo: () => unknown) => void} after what to undo at the end, the latest first: a page
 *   closes before its server ends, whose going would else be an error of the page
 */

/**
 * @param {string} outcome what the person sees at the end
 * @param {(t: Teller) => Promise<void>} tell
 * @param {string | false} [skip] why it can't be told here
 */
export function story(outcome, tell, skip = false) {
  test(outcome, { timeout: LIMIT, skip }, async (t) => {
    const undos = [];
    // By the test's own hook, which also runs when the time is up.
    t.after(() => undoAll(undos));
    await tell({ after: (undo) => undos.push(undo) });
  });
}

/** All of them, even if one fails: what is left behind would keep the tests from ending. */
async function undoAll(undos) {
  const errors = [];
  for (const undo of undos.reverse()) {
    try {
      await undo();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
}
