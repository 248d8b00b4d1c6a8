// A page in Firefox, by WebDriver (W3C): Playwright drives only builds of Firefox that are patched for it.
import { built, spawnProgram } from "./program.mjs";

/** Longer than any page takes on a busy machine, in milliseconds. */
const LIMIT = 60_000;

/** Tells the text of the page, once it has any, and the addresses of what it has loaded. */
const READ = `
  const done = arguments[0];
  const tell = () => {
    const loaded = performance.getEntriesByType("resource").map(({ name }) => name);
    if (document.body?.textContent.trim()) done({ text: document.body.textContent, loaded });
  };
  new MutationObserver(tell).observe(document, { childList: true, subtree: true, characterData: true });
  tell();`;

/**
 * Opens an address in a Firefox of its own, and gives what the page says, with the addresses of what it has loaded.
 * @param {import("./story.mjs").Teller} t
 * @param {string} address
 * @returns {Promise<{ text: string, loaded: string[] }>}
 */
export async function readInFirefox(t, address) {
  const driver = spawnProgram(t, built("geckodriver"), ["--port", "0"]);
  const [, listens] = await driver.line(/Listening on ([\d.]+:\d+)/);
  const ask = async (method, path, body) => {
    const headers = { "Content-Type": "application/json" };
    const text = body && JSON.stringify(body);
    const response = await fetch(`http://${listens}/session${path}`, { method, headers, body: text });
    const { value } = await response.json();
    if (!response.ok) throw new Error(`geckodriver: ${value.error}: ${value.message}`);
    return value;
  };
  const options = { binary: built("firefox"), args: ["-headless"] };
  const capabilities = { alwaysMatch: { "moz:firefoxOptions": options, timeouts: { script: LIMIT } } };
  const { sessionId } = await ask("POST", "", { capabilities });
  t.after(() => ask("DELETE", `/${sessionId}`));
  await ask("POST", `/${sessionId}/url`, { url: address });
  return ask("POST", `/${sessionId}/execute/async`, { script: READ, args: [] });
}
