"""An echo server on Python's asyncio, on its own event loop or on uvloop's: a Protocol object for
each connection, as its users write it where speed counts.

It serves until SIGINT or SIGTERM, then exits 0 with a line of totals. Both loops set TCP_NODELAY
themselves.
"""

import argparse
import asyncio
import platform
import resource
import signal
import socket
import sys
from collections.abc import Callable
from typing import NoReturn

BACKLOG = 4096


class Totals:
    connections = 0
    echoed = 0  # bytes


class Echo(asyncio.Protocol):
    """One connection. What a slow peer does not take is not read from it either."""

    transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        Totals.connections += 1

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)
        Totals.echoed += len(data)

    def pause_writing(self) -> None:
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        self.transport.resume_reading()


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message} (see --help)\n")


def listen(host: str, port: int) -> socket.socket:
    """On an IPv4 address."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # As the other servers do on loopback (runtimes/support/blocking_sockets.hpp says why).
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"reno")
    listener.bind((host, port))
    return listener


async def serve(listener: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    server = await loop.create_server(Echo, sock=listener, backlog=BACKLOG)
    host, port = listener.getsockname()
    print(f"listening on {host}:{port}", flush=True)
    await stop.wait()
    server.close()


def loop_named(name: str) -> tuple[Callable[[], asyncio.AbstractEventLoop], str]:
    """What makes the event loop, and its version."""
    if name == "uvloop":
        import uvloop

        return uvloop.new_event_loop, f"uvloop {uvloop.__version__}, "
    return asyncio.new_event_loop, ""


def main() -> int:
    parser = Parser("echo_server.py", description="An echo server until SIGINT or SIGTERM.")
    parser.add_argument("--host", default="127.0.0.1", help="default: 127.0.0.1")
    parser.add_argument("--port", type=int, default=8001, help="0 picks one; default: 8001")
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), default="asyncio")
    parser.add_argument("--version", action="store_true")
    args = parser.parse_args()
    try:
        new_loop, version = loop_named(args.loop)
        if args.version:
            print(f"{parser.prog}: {version}Python {platform.python_version()}")
            return 0
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(serve(listen(args.host, args.port)))
    except (ImportError, OSError, OverflowError) as error:
        print(f"{parser.prog}: error: {error}", file=sys.stderr)
        return 1
    print(f"served {Totals.connections} connections, echoed {Totals.echoed} bytes", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
