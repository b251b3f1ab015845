"""A web server that misbehaves: the path of a request says how. Also an address at which connects
hang. Nothing here outlives its client: each answer ends when the client goes away.
"""

import contextlib
import socket
import socketserver
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

S = TypeVar("S", bound=socketserver.BaseServer)
Peer = socket.socket


def send(text: str | bytes) -> Callable[[Peer], None]:
    data = text if isinstance(text, bytes) else text.encode("latin-1")
    return lambda peer: peer.sendall(data)


def _endless(head: str, piece: str | bytes, pause_s: float = 0.0) -> Callable[[Peer], None]:
    """`head`, then `piece` until the client has had enough."""
    data = piece if isinstance(piece, bytes) else piece.encode("latin-1")

    def answer(peer: Peer) -> None:
        peer.sendall(head.encode())
        while True:
            peer.sendall(data)
            time.sleep(pause_s)

    return answer


def _then_reset(text: str) -> Callable[[Peer], None]:
    def answer(peer: Peer) -> None:
        peer.sendall(text.encode())
        time.sleep(0.05 if text else 0)  # or the reset would overtake the text
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()

    return answer


def hang_up(peer: Peer) -> None:
    peer.recv(65536)  # unread, it would make a reset of the end


def silence(peer: Peer) -> None:
    while peer.recv(65536):
        pass


def _then_silence(text: str) -> Callable[[Peer], None]:
    def answer(peer: Peer) -> None:
        peer.sendall(text.encode())
        silence(peer)

    return answer


def _redirect(location: str) -> Callable[[Peer], None]:
    return send(f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")


OK = "HTTP/1.1 200 OK\r\n"
CHUNKED = f"{OK}Transfer-Encoding: chunked\r\n\r\n"
TEN = "0123456789"
MANY = "x" * 65536
TLS_GARBAGE = _endless("", b"\x16\x03\x03\x00\x02\x0e\x00" * 1000)  # ServerHelloDone, too early

# Each ends with a failure that the text names.
BAD: dict[str, tuple[Callable[[Peer], None], str]] = {
    "close": (send(""), "closed the connection without an answer"),
    "reset": (_then_reset(""), "Connection reset"),
    "reset-in-body": (_then_reset(f"{OK}Content-Length: 1000\r\n\r\n{TEN}"), "Connection reset"),
    "truncated": (send(f"{OK}Content-Length: 1000\r\n\r\n{TEN}"), "cut short after 10 bytes"),
    "truncated-chunk": (send(f"{CHUNKED}14\r\n{TEN}"), "cut short after 10 bytes"),
    "truncated-last-chunk": (send(f"{CHUNKED}a\r\n{TEN}\r\n0\r\n"), "cut short after 10 bytes"),
    "truncated-header": (send(f"{OK}Content-Le"), "cut short"),
    "truncated-status": (send("HTTP/1"), "cut short"),
    "large-body": (send(f"{OK}Content-Length: 99999999999\r\n\r\n"), "larger than --max-bytes"),
    "endless-body": (_endless(f"{OK}\r\n", MANY), "larger than --max-bytes"),
    "endless-chunks": (_endless(CHUNKED, f"10000\r\n{MANY}\r\n"), "larger than --max-bytes"),
    "endless-status": (_endless("HTTP/1.1 200 ", MANY), "header of the answer is too large"),
    "endless-field": (_endless(f"{OK}X: ", MANY), "header of the answer is too large"),
    "endless-fields": (_endless(OK, "X: y\r\n" * 1000), "header of the answer is too large"),
    "large-field": (send(f"{OK}X: {'y' * 100_000}\r\n\r\n"), "header of the answer is too large"),
    "endless-extension": (_endless(f"{CHUNKED}1;", MANY), "too large"),
    "endless-trailers": (_endless(f"{CHUNKED}0\r\n", "X: y\r\n" * 1000), "too large"),
    "endless-1xx": (_endless("", "HTTP/1.1 100 Continue\r\n\r\n"), "no valid HTTP"),
    "garbage": (send("SSH-2.0-OpenSSH_9.2\r\n\r\n"), "no valid HTTP"),
    "zeros": (send(b"\0" * 5000), "no valid HTTP"),
    "http-2": (send("HTTP/2.0 200 OK\r\n\r\n"), "no valid HTTP"),
    "status-0": (send("HTTP/1.1 000 None\r\nContent-Length: 0\r\n\r\n"), "no valid HTTP"),
    "status-999": (
        send("HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n"),
        "the server answered 999",
    ),
    "bad-field": (send(f"{OK}no field at all\r\n\r\n"), "no valid HTTP"),
    "control-bytes": (send(f"{OK}X: \x1b[2J\r\n\r\n"), "no valid HTTP"),
    "length-negative": (send(f"{OK}Content-Length: -1\r\n\r\n{TEN}"), "bad Content-Length"),
    "length-twice": (
        send(f"{OK}Content-Length: 10\r\nContent-Length: 11\r\n\r\n{TEN}"),
        "multiple Content-Length",
    ),
    "length-garbage": (send(f"{OK}Content-Length: ten\r\n\r\n{TEN}"), "bad Content-Length"),
    "length-overflow": (send(f"{OK}Content-Length: {'9' * 30}\r\n\r\n"), "bad Content-Length"),
    "length-and-chunked": (
        send(f"{OK}Content-Length: 10\r\nTransfer-Encoding: chunked\r\n\r\n{TEN}"),
        "no valid HTTP",
    ),
    "chunk-garbage": (send(f"{CHUNKED}zz\r\n"), "no valid HTTP"),
    "chunk-overflow": (send(f"{CHUNKED}{'f' * 17}\r\n"), "no valid HTTP"),
    "chunk-without-end": (send(f"{CHUNKED}a\r\n{TEN}{TEN}\r\n"), "no valid HTTP"),
    "loop": (_redirect("/loop"), "redirected more than 10 times"),
    "to-garbage": (_redirect("http://[::1"), "which is no URL"),
    "to-ftp": (_redirect("ftp://127.0.0.1/"), "only http:// and https://"),
    "to-nobody": (_redirect("http://user:secret@127.0.0.1/"), "user names in URLs"),
    "to-refused": (_redirect("http://127.0.0.1:1/"), "connect to 127.0.0.1:1: Connection refused"),
    "401": (send("HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n"), "answered 401 Unauthorized"),
    "500": (send("HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nno"), "Internal Server Error"),
}

# Each takes as long as it is allowed to.
SLOW: dict[str, tuple[Callable[[Peer], None], str]] = {
    "silent": (silence, "timed out, waiting for the answer of"),
    "stalled-header": (_then_silence(f"{OK}Content-"), "timed out"),
    "stalled-body": (_then_silence(f"{OK}Content-Length: 1000\r\n\r\n{TEN}"), "timed out"),
    "slow-header": (_endless(f"{OK}X: ", "y", 1), "timed out"),
    "slow-body": (_endless(f"{OK}Content-Length: 1000\r\n\r\n", "y", 1), "timed out"),
    "slow-chunks": (_endless(CHUNKED, "1\r\ny\r\n", 0.05), "timed out"),
    "slow-1xx": (_endless("", "HTTP/1.1 100 Continue\r\n\r\n", 1), "timed out"),
}

# Odd, but right: status and bytes.
ODD: dict[str, tuple[Callable[[Peer], None], int, int]] = {
    "until-close": (send(f"{OK}\r\n{TEN}"), 200, 10),
    "http-1.0": (send(f"HTTP/1.0 200 OK\r\n\r\n{TEN}"), 200, 10),
    "no-reason": (send(f"HTTP/1.1 200 \r\nContent-Length: 10\r\n\r\n{TEN}"), 200, 10),
    "204": (send("HTTP/1.1 204 No Content\r\n\r\n"), 204, 0),
    "204-with-length": (send("HTTP/1.1 204 No\r\nContent-Length: 10\r\n\r\n"), 204, 0),
    "304": (send("HTTP/1.1 304 No\r\nContent-Length: 10\r\n\r\n"), 304, 0),
    "redirect-without-location": (
        send("HTTP/1.1 302 Found\r\nContent-Length: 10\r\n\r\n" + TEN), 302, 10,
    ),
    "to-odd-characters": (_redirect("/chunked?caf\xe9 [a]|50%"), 200, 20),
    "length-said-twice": (
        send(f"{OK}Content-Length: 10\r\nContent-Length: 10\r\n\r\n{TEN}"), 200, 10,
    ),
    "more-than-said": (send(f"{OK}Content-Length: 10\r\n\r\n{TEN}{MANY}"), 200, 10),
    "large-but-allowed": (
        send(f"{OK}X: {'y' * 60_000}\r\nContent-Length: 10\r\n\r\n{TEN}"), 200, 10,
    ),
    "informed": (
        send(f"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n{OK}Content-Length: 10\r\n\r\n{TEN}"),
        200, 10,
    ),
    "chunked": (
        send(f"{CHUNKED}a;name=value\r\n{TEN}\r\n00A\r\n{TEN}\r\n0\r\nX: y\r\n\r\n"), 200, 20,
    ),
    "largest": (send(f"{OK}Content-Length: 1000000\r\n\r\n{'x' * 1_000_000}"), 200, 1_000_000),
}  # fmt: skip


def _answers() -> dict[str, Callable[[Peer], None]]:
    return {name: entry[0] for kind in (BAD, SLOW, ODD) for name, entry in kind.items()}


class _Handler(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        with contextlib.suppress(OSError):
            self.request.settimeout(20)
            if self.server.before_the_request:
                self.server.before_the_request(self.request)
                return
            head = b""
            while b"\r\n\r\n" not in head:
                got = self.request.recv(65536)
                if not got:
                    return
                head += got
            self.server.paths.append(path := head.split()[1].decode().removeprefix("/"))
            _answers()[path.partition("?")[0]](self.request)


class HostileServer(socketserver.ThreadingTCPServer):
    """Knows the port and the paths that were asked for; a thread for each client."""

    request_queue_size = 1024
    daemon_threads = True

    def __init__(self, before_the_request: Callable[[Peer], None] | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.before_the_request = before_the_request
        self.paths: list[str] = []

    @property
    def port(self) -> int:
        return self.server_address[1]

    def url(self, path: str, scheme: str = "http") -> str:
        return f"{scheme}://127.0.0.1:{self.port}/{path}"


@contextlib.contextmanager
def running(server: S) -> Iterator[S]:
    """As long as the context lasts, on a thread of its own."""
    with server:
        loop = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        loop.start()
        try:
            yield server
        finally:
            server.shutdown()
            loop.join()


def serving(
    before_the_request: Callable[[Peer], None] | None = None,
) -> contextlib.AbstractContextManager[HostileServer]:
    """With `before_the_request` it does that to each client instead of reading its request."""
    return running(HostileServer(before_the_request))


class _Crowd:
    """Answers each client after a while, and counts those that wait."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.now = 0
        self.most = 0

    def __call__(self, peer: Peer) -> None:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        peer.recv(65536)
        time.sleep(0.05)
        with self.lock:
            self.now -= 1
        peer.sendall(f"{OK}Content-Length: 10\r\n\r\n{TEN}".encode())


@contextlib.contextmanager
def counting() -> Iterator[tuple[HostileServer, _Crowd]]:
    crowd = _Crowd()
    with serving(crowd) as server:
        yield server, crowd


@contextlib.contextmanager
def full_backlog() -> Iterator[int]:
    """The port of a listener that accepts nobody and has no room: a connect to it hangs."""
    with contextlib.ExitStack() as sockets:
        listener = sockets.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):  # more than fit
            one = sockets.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        time.sleep(0.1)
        yield listener.getsockname()[1]
