// A round trip to the showcase's server, whichever entry `connect` is of.
import type { ConnectOptions, connect as Connect } from "twinwire";

import { Join, kinds } from "./chat.js";

export async function talk(
  connect: typeof Connect,
  url: string,
  name: string,
  options: ConnectOptions<typeof kinds> = {},
): Promise<string> {
  const client = await connect(url, kinds, options);
  const joined = await client.call(Join, { name });
  await client.close();
  return joined.name;
}
