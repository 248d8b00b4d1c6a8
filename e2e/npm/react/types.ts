// What the hooks' types refuse, and what they know: only compiled.
import { ApplicationError } from "twinwire";
import { useCall, useConnection, useTopic } from "twinwire/react";

import { Ask, Join, type JoinError, type Line, Room, Say, kinds } from "./kinds.js";

export function Component(): void {
  const { client } = useConnection("/ws", kinds);
  const { call, data, error } = useCall(client, Join);
  void call({ name: "Ada" });
  const name: string | undefined = data?.name;
  if (error instanceof ApplicationError) {
    const why: JoinError = error.data;
    void why;
  }
  const lines: Line[] = useTopic(client, Room, { name: "lobby" }).items.map(({ item }) => item);
  void [name, lines];
  // @ts-expect-error A request of another kind.
  void call({ room: "lobby" });
  // @ts-expect-error A key of another topic.
  useTopic(client, Room, { room: "lobby" });
  // @ts-expect-error A stream isn't a call.
  useCall(client, Ask);
  const { client: other } = useConnection("/ws", [Join]);
  // @ts-expect-error The connection doesn't have this kind.
  useCall(other, Say);
}
