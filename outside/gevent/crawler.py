"""The article's crawler: urllib, patched so that waiting for I/O switches to another greenlet.

With URLs it fetches them as the article does, one after another and then one greenlet for each, and
prints what either took. With --origin it fetches N copies of one body in each batch, checks every
byte of them, and prints one line of figures. Each fetch has a connection of its own.
"""

# ruff: noqa: E402 - the patch comes before the import of what it patches
from gevent import monkey

monkey.patch_all()

import argparse
import contextlib
import http.client
import ipaddress
import sys
import time
import urllib.parse
import urllib.request

import gevent

import common

TIMEOUT_S = 60.0  # without a byte

# A proxy named in the environment is for the net, not for this machine.
direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def is_loopback(url: str) -> bool:
    host = urllib.parse.urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def fetch(url: str) -> bytes:
    urlopen = direct.open if is_loopback(url) else urllib.request.urlopen
    with urlopen(url, timeout=TIMEOUT_S) as response:
        return response.read()


def say(url: str) -> bool:
    """Whether it came."""
    print("get url", url)
    try:
        body = fetch(url)
    except (OSError, http.client.HTTPException, ValueError) as error:
        print(f"crawler.py: {url}: {error or type(error).__name__}", file=sys.stderr)
        return False
    print(len(body), url)
    return True


def compare(urls: list[str]) -> bool:
    """Whether all of them came, both times."""
    begin = time.perf_counter()
    came = [say(url) for url in urls]
    print(f"synchronous: time cost {time.perf_counter() - begin:.3f} s")

    begin = time.perf_counter()
    greenlets = [gevent.spawn(say, url) for url in urls]
    gevent.joinall(greenlets, raise_error=True)
    print(f"gevent: time cost {time.perf_counter() - begin:.3f} s")
    return all(came) and all(greenlet.value for greenlet in greenlets)


def expected_body(size: int) -> bytes:
    """What the origin serves (bench/programs/http_body.hpp): a block of 1 MiB over and over."""
    block = bytearray(min(size, 1 << 20))
    state = 1
    for i in range(len(block)):
        state = (state * 1103515245 + 12345) % (1 << 31)
        block[i] = 32 + (state >> 16) % 95
    return bytes(block * (size // max(len(block), 1) + 1))[:size]


def fetch_and_check(url: str, expected: bytes) -> None:
    body = fetch(url)
    if body != expected:
        what = f"{len(body)} bytes" if len(body) != len(expected) else "another body"
        raise RuntimeError(f"{what} instead of the {len(expected)} bytes asked for")


def measure(args: argparse.Namespace) -> None:
    url = f"{args.origin.rstrip('/')}/?bytes={args.bytes}&latency_ms={args.latency_ms}"
    expected = expected_body(args.bytes)
    fetch_and_check(url, expected)  # not counted: the first one loads what all of them need
    used = common.Usage.now()
    seconds = 0.0
    for _ in range(args.batches):
        begin = time.perf_counter()
        fetches = [gevent.spawn(fetch_and_check, url, expected) for _ in range(args.urls)]
        gevent.joinall(fetches, raise_error=True)
        seconds += time.perf_counter() - begin
    fetched = args.batches * args.urls
    common.print_figures({"fetches": fetched, "seconds": seconds, **used.figures_since()})


def main(args: argparse.Namespace) -> int:
    common.raise_open_files()
    if args.origin is None:
        return 0 if compare(args.url) else 1
    measure(args)
    return 0


def parse_origin(text: str) -> str:
    """A type for arguments: scheme, host and port."""
    with contextlib.suppress(ValueError):
        parts = urllib.parse.urlsplit(text)
        if parts.scheme == "http" and parts.hostname and parts.port:
            return text
    raise argparse.ArgumentTypeError(f"'{text}' is no origin such as http://127.0.0.1:8080")


if __name__ == "__main__":
    parser = common.Parser("crawler.py", "Fetches URLs, one greenlet for each.")
    count = common.whole_number(1)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("url", nargs="*", default=[], metavar="URL", help="fetched, and compared")
    what.add_argument("--origin", type=parse_origin, metavar="URL", help="of http_origin: measure")
    parser.add_argument("--urls", type=count, default=10, metavar="N", help="default: 10")
    parser.add_argument(
        "--latency-ms", type=common.whole_number(0), default=0, metavar="L", help="default: 0"
    )
    parser.add_argument(
        "--bytes", type=common.whole_number(0), default=1024, metavar="B", help="default: 1024"
    )
    parser.add_argument("--batches", type=count, default=1, metavar="K", help="default: 1")
    common.run(parser, main)
