// The smallest page, beside the chat: it reads along in the lobby.
import { openChat, say } from "../lib/chat.mjs";
import { newPage } from "../lib/page.mjs";
import { story } from "../lib/story.mjs";

story("the smallest page shows what was said in the lobby, and what is", async (t) => {
  const { page: ada, server } = await openChat(t, "Ada");
  await say(ada, "Before it came.");
  const { page } = await newPage(t);
  await page.goto(`${server.url}/minimal`);
  await page.getByText("Ada: Before it came.").waitFor();
  await say(ada, "While it looks.");
  await page.getByText("Ada: While it looks.").waitFor();
  await server.end();
  await page.getByText("the other side said goodbye (going_away)").waitFor();
});
