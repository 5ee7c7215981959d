"""An HTTP proxy that tunnels (CONNECT) and prints each target: `python -m tests.e2e.site.proxy ADDRESS PORT`."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
    with suppress(OSError):
        target.close()


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    request = (await reader.readline()).decode().split()
    while (await reader.readline()).strip():
        pass
    if len(request) < 2 or request[0] != "CONNECT":
        writer.close()
        return
    print("CONNECT", request[1], flush=True)
    host, _, port = request[1].rpartition(":")
    there, back = await asyncio.open_connection(host, int(port))
    writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
    await writer.drain()
    await asyncio.gather(_copy(reader, back), _copy(there, writer))


async def _main(address: str, port: int) -> None:
    server = await asyncio.start_server(_serve, address, port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], int(sys.argv[2])))
