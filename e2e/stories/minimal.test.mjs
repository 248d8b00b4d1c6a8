// The smallest page, beside the chat: it reads along in the lobby.
import { openChat, say } from "../lib/chat.mjs";
import { BROKEN, newPage } from "../lib/page.mjs";
import { startServer } from "../lib/program.mjs";
import { story } from "../lib/story.mjs";

story("the smallest page shows what was said in the lobby, and what is", async (t) => {
  const { page: ada, server } = await openChat(t, "Ada", { expected: BROKEN });
  await say(ada, "Before it came.");
  const { page } = await newPage(t, { expected: BROKEN });
  await page.goto(`${server.url}/minimal`);
  await page.getByText("Ada: Before it came.").waitFor();
  await say(ada, "While it looks.");
  await page.getByText("Ada: While it looks.").waitFor();
  await server.end();
  await startServer(t, "--port", String(server.port));
  await say(ada, "From the next server.");
  await page.getByText("Ada: From the next server.").waitFor();
});
