# python3 handshake.py URL SUBPROTOCOL: the package websockets.
import asyncio
import sys

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed


def tell(line):
    sys.stdout.buffer.write(line.encode() + b"\n")
    sys.stdout.buffer.flush()


async def main(url, subprotocol):
    async with connect(url, subprotocols=[subprotocol], open_timeout=20) as socket:
        tell(f"open {socket.subprotocol}")
        await socket.send("client:hello,服务端")
        try:
            while True:
                message = await asyncio.wait_for(socket.recv(), 20)
                if isinstance(message, str):
                    tell(f"text {message}")
                    await socket.close(1000)
                else:
                    tell("binary")
        except ConnectionClosed:
            pass
        tell(f"closed {socket.close_code}")


asyncio.run(main(*sys.argv[1:]))
