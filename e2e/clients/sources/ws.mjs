// node ws.mjs URL SUBPROTOCOL: the package ws, which has the browsers' interface too.
import { WebSocket } from "ws";

globalThis.WebSocket = WebSocket;
await import("./websocket.mjs");
