// What xtask has set up for the clients' suite.

/** The port of testkit's `endpoints`. */
export function port() {
  const port = process.env.TWINWIRE_TEST_PORT;
  if (!port) throw new Error("TWINWIRE_TEST_PORT is not set: run `cargo xtask test clients`");
  return port;
}

/**
 * A program, or why it is missing.
 * @param {string} name
 * @returns {{ program: string, missing: string | false }}
 */
export function tool(name) {
  const program = process.env[`TWINWIRE_${name.toUpperCase()}`] ?? "";
  return { program, missing: program ? false : `${name} isn't set up` };
}
