import { useState } from "react";
import { useCall, useConnection, useTopic } from "twinwire/react";

import { Enter, Join, Room, Say, kinds } from "./kinds.js";

function useChat() {
  const asked = new URLSearchParams(location.search);
  const connectTimeout = Number(asked.get("timeout") ?? 30_000);
  return useConnection(asked.get("url") ?? "", kinds, { connectTimeout });
}

/** The state of the connection, which the test steers by `window`. */
function Status() {
  const { client, state, error, reconnect } = useChat();
  if (typeof window === "object") Object.assign(window, { client, reconnect });
  return <output>{error === undefined ? state.type : `${state.type}: ${error.message}`}</output>;
}

/** The newest lines of the lobby. */
function Lines() {
  const { client } = useChat();
  const { items, gap, state } = useTopic(client, Room, { name: "lobby" }, { last: 50 });
  return (
    <ol title={`${state} ${gap?.type ?? "whole"}`}>
      {items.map(({ id, item }) => (
        <li key={id}>{item.text}</li>
      ))}
    </ol>
  );
}

function Speaker() {
  const { client } = useChat();
  const join = useCall(client, Join);
  const enter = useCall(client, Enter);
  const say = useCall(client, Say);
  const joins = async () => {
    if (await join.call({ name: "Ada" })) await enter.call({ room: "lobby" });
  };
  const { data, error, pending } = join;
  return (
    <form>
      <button type="button" onClick={() => void joins()}>join</button>
      <button type="button" onClick={() => void say.call({ room: "lobby", text: "from Ada" })}>say</button>
      <samp>{pending ? "pending" : (data?.name ?? error?.code ?? "nothing")}</samp>
    </form>
  );
}

export function Page() {
  const [shown, setShown] = useState({ status: true, lines: true, speaker: true });
  const names = Object.keys(shown) as (keyof typeof shown)[];
  return (
    <>
      <h1>Before</h1>
      {names.map((name) => (
        <label key={name}>
          <input type="checkbox" checked={shown[name]} onChange={() => setShown({ ...shown, [name]: !shown[name] })} />
          {name}
        </label>
      ))}
      {shown.status && <Status />}
      {shown.lines && <Lines />}
      {shown.lines && <Lines />}
      {shown.speaker && <Speaker />}
    </>
  );
}
