// The application that a reader begins with, made of the packages alone.
import { newPage } from "./lib/page.mjs";
import { built, startProgram } from "./lib/program.mjs";
import { story } from "./lib/story.mjs";

story("a guest signs the starter's book, and another reads the name", async (t) => {
  const server = await startProgram(t, built("starter"), ["0"], built("starterFolder"));
  const { page: ada } = await newPage(t);
  await ada.goto(server.url);
  const connected = ada.getByRole("status").filter({ hasText: /^$/ });
  await connected.waitFor({ state: "attached" });
  await ada.getByLabel("Your name").fill("Ada");
  await ada.getByRole("button", { name: "Sign" }).click();
  await ada.getByRole("listitem").filter({ hasText: "Ada" }).waitFor();
  const { page: grace } = await newPage(t);
  await grace.goto(server.url);
  await grace.getByRole("listitem").filter({ hasText: "Ada" }).waitFor();
});
