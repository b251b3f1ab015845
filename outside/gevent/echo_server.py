"""The article's server: one greenlet for each connection, all in one thread.

It serves until SIGINT or SIGTERM, then exits 0 with a line of totals, and takes as much at a time
as the other servers of the suite do. (The article's own handler spins once a client has finished:
recv() then returns nothing for ever.)
"""

import argparse
import ipaddress
import signal
import socket as plain_socket
from dataclasses import dataclass, field

import gevent
from gevent import socket

import common

BUFFER_BYTES = 16 * 1024
BACKLOG = 4096


@dataclass
class Server:
    listener: socket.socket
    connections: int = 0
    echoed: int = 0  # bytes
    limit: str = ""  # why an accept failed last
    sessions: set[gevent.Greenlet] = field(default_factory=set)

    def serve(self) -> None:
        while True:
            try:
                peer, _ = self.listener.accept()
            except ConnectionAbortedError:
                continue
            except OSError as error:  # the connection waits in the backlog: do not spin
                self.limit = error.strerror or str(error)
                gevent.sleep(0.01)
                continue
            self.connections += 1
            session = gevent.spawn(self.echo, peer)
            self.sessions.add(session)
            session.rawlink(self.sessions.discard)

    def echo(self, peer: socket.socket) -> None:
        with peer:
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                while data := peer.recv(BUFFER_BYTES):
                    peer.sendall(data)
                    self.echoed += len(data)
            except OSError:
                pass  # the peer has gone: so does its session

    def totals(self) -> str:
        limit = f"; limit met: {self.limit}" if self.limit else ""
        return (
            f"served {self.connections} connections, echoed {self.echoed} bytes, "
            f"turned away 0{limit}"
        )


def listen(host: str, port: int) -> socket.socket:
    """On the first address of `host`."""
    try:
        found = plain_socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except plain_socket.gaierror as error:
        parser.error(f"--host '{host}': {error.strerror}; give an address such as 127.0.0.1")
    family, _, _, _, address = found[0]
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if ipaddress.ip_address(address[0]).is_loopback:
        # As the other servers do (runtimes/support/blocking_sockets.hpp says why).
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"reno")
    try:
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        raise OSError(f"listen on {describe(address)}: {error.strerror}") from None
    return listener


def describe(address: tuple) -> str:
    """ "127.0.0.1:8001", "[::1]:8001" """
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def main(args: argparse.Namespace) -> int:
    common.raise_open_files()
    server = Server(listen(args.host, args.port))
    accepting = gevent.spawn(server.serve)
    for number in (signal.SIGINT, signal.SIGTERM):
        gevent.signal_handler(number, accepting.kill, block=False)
    print("listening on", describe(server.listener.getsockname()), flush=True)
    accepting.join()
    server.listener.close()
    gevent.killall(list(server.sessions))
    print(server.totals(), flush=True)
    return 0


if __name__ == "__main__":
    parser = common.Parser("echo_server.py", "An echo server until SIGINT or SIGTERM.")
    parser.add_argument("--host", default="127.0.0.1", help="default: 127.0.0.1")
    parser.add_argument(
        "--port",
        type=common.whole_number(0, 65535),
        default=8001,
        help="0 picks a free one; default: 8001",
    )
    common.run(parser, main)
