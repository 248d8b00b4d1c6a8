// The chat's lobby as a client in TypeScript, to be read beside the one in Rust (www/src).
import { ApplicationError, type Client, type End, type State, connect } from "twinwire";
import { Enter, Join, Room, Roster, Say, kinds } from "./kinds.js";
import type { JoinError, Line, NameError, RoomError, SayError, TextError } from "./kinds.js";

type Lobby = Client<typeof kinds>;
type Failure = JoinError | RoomError | SayError | NameError | TextError;
/** A failure that is new in the Rust types doesn't compile without its sentence. */
const SENTENCES: Record<Extract<Failure, string>, string> = {
  Empty: "Write something first.",
  Control: "A name has no line breaks or other control characters.",
  Taken: "Somebody here has this name. Choose another.",
  Named: "This page has a name already. Load it again to choose another.",
  NotJoined: "Choose a name first.",
  NotInRoom: "This page isn't in the lobby any more. Load it again.",
  Unavailable: "The server can't hold the lobby now. Try again later.",
};
const MISSED = {
  gap: "Some lines are lost here: this page was away for too long.",
  new_epoch: "The server started anew: what it heard before is lost.",
  refused: "The server lets this page read no more.",
};
const STATES = { connecting: "Connecting…", open: "Connected", resuming: "Coming back…", paused: "Paused", closed: "Not connected" };
const LOBBY = "lobby";
let name = ""; // The one that the server has given in this session.
const find = (selector: string, parent: ParentNode = document) => parent.querySelector(selector) as HTMLInputElement;

function sentence(failure: Failure): string {
  if (typeof failure === "string") return SENTENCES[failure];
  if ("Name" in failure) return sentence(failure.Name);
  if ("Text" in failure) return sentence(failure.Text);
  if ("TooLong" in failure) return `That has more than ${failure.TooLong.limit} characters.`;
  return "There is no room for one more now. Try again later.";
}
const explain = (error: Error) => (error instanceof ApplicationError ? sentence(error.data as Failure) : error.message);

function showState(state: State): void {
  Object.assign(find("#state"), { textContent: STATES[state.type] }).dataset["state"] = state.type;
  find("#lost").hidden = state.type !== "resuming" || state.attempt < 2; // The first attempt is mostly the last.
  find("#ended").hidden = state.type !== "closed";
  if (state.type === "closed") find("#ended p").textContent = state.end.reason;
}
function showForm(shown: "#enter" | "#say", wrong = ""): void {
  for (const form of ["#enter", "#say"]) find(form).hidden = form !== shown;
  find(`${shown} .wrong`).textContent = wrong;
  find(`${shown} input`).focus();
}
/** Sends what is written in a form. It stays there until that is done; if that fails, the reason stands beneath it. */
function onSubmit(form: string, send: (text: string) => Promise<unknown>): void {
  const [field, button] = [find(`${form} input`), find(`${form} button`)];
  button.disabled = false;
  find(form).addEventListener("submit", async (event) => {
    event.preventDefault();
    field.readOnly = button.disabled = true;
    find(`${form} .wrong`).textContent = await send(field.value).then(() => (field.value = ""), explain);
    field.readOnly = button.disabled = false;
  });
}

function showLine({ from, text, at }: Line): void {
  const line = (find("#line") as Element as HTMLTemplateElement).content.cloneNode(true) as DocumentFragment;
  find("article", line).classList.toggle("mine", from === name);
  const time = new Date(Number(at)).toLocaleTimeString([], { timeStyle: "short" });
  const parts = { ".face": [...from.toUpperCase()].slice(0, 1).join(""), bdi: from, time, ".text": text };
  for (const [part, content] of Object.entries(parts)) find(part, line).textContent = content;
  find("#lines").append(line);
}

async function comeIn(client: Lobby, wanted: string, isNamed: boolean): Promise<void> {
  if (!isNamed) ({ name } = await client.call(Join, { name: wanted }));
  await client.call(Enter, { room: LOBBY });
  showForm("#say");
}
async function onSessionReplaced(client: Lobby): Promise<void> {
  const failed = name !== "" && (await comeIn(client, name, false).catch((error: Error) => error));
  if (!(failed instanceof ApplicationError)) return; // If this session was lost too, the next one begins so.
  name = "";
  showForm("#enter", explain(failed));
}
async function readNames(client: Lobby): Promise<void> {
  for await (const update of client.subscribe(Roster, { room: LOBBY }, { from: { last: 1 } })) {
    if (update.type === "item") find("#people").textContent = update.item.names.join(", ");
  }
}
async function live(client: Lobby): Promise<void> {
  find("#lost button").onclick = () => client.reconnectNow();
  onSubmit("#enter", (wanted) => comeIn(client, wanted, name !== ""));
  onSubmit("#say", (text) => client.call(Say, { room: LOBBY, text }));
  void readNames(client);
  for await (const update of client.subscribe(Room, { name: LOBBY }, { from: { last: 50 } })) {
    if (update.type === "item") showLine(update.item);
    else find("#lines").append(Object.assign(document.createElement("p"), { className: "note", textContent: MISSED[update.type] }));
  }
}

const register = (client: Client) => client.addEventListener("statechange", () => showState(client.state));
const callTimeout = 24 * 60 * 60 * 1_000; // What is written waits for a server that is away.
const fail = (error: Error) => showState({ type: "closed", end: { reason: explain(error) } as End });
connect("/ws", kinds, { callTimeout, register, onSessionReplaced }).then(live).catch(fail);
