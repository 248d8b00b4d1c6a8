// bun websocket.mjs URL SUBPROTOCOL, or deno run --allow-net: the browsers' own interface.
const [url, subprotocol] = globalThis.process.argv.slice(2);
const socket = new WebSocket(url, [subprotocol]);
socket.binaryType = "arraybuffer";
socket.onopen = () => {
  console.log(`open ${socket.protocol}`);
  socket.send("client:hello,服务端");
};
socket.onmessage = ({ data }) => {
  if (typeof data !== "string") return console.log("binary");
  console.log(`text ${data}`);
  socket.close(1000);
};
socket.onclose = ({ code }) => console.log(`closed ${code}`);
socket.onerror = ({ message }) => console.error(message);
