"""A line between two network namespaces that takes its time and loses data: a tap in each, and this
process between them. Kernels without netem have no other.

relay.py PID PID THERE_MS BACK_MS LOST_SHARE NAME: of the namespaces that these processes are in;
THERE_MS from the first to the second. Prints "ready" when both have a tap of that name.
"""

import ctypes
import fcntl
import heapq
import os
import random
import select
import struct
import sys
import time

_TUNSETIFF, _IFF_TAP, _IFF_NO_PI = 0x400454CA, 0x0002, 0x1000
_CLONE_NEWNET = 0x40000000
_MOST = 1 << 16
_SEED = 1
# Of Ethernet, IP and TCP with its options. What has no more is not lost: where a packet of the
# handshake is, the kernel waits 3 s for the first reply (RFC 6298), and not 200 ms.
_HEADERS = 100


def tap_of(pid: str, name: str) -> int:
    """It is where this process is when it names the tap."""
    with open(f"/proc/{pid}/ns/net") as namespace:  # noqa: PTH123 (setns takes a descriptor)
        if ctypes.CDLL(None).setns(namespace.fileno(), _CLONE_NEWNET) != 0:
            sys.exit("setns failed")
    tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tap, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TAP | _IFF_NO_PI))
    return tap


def relay(ends: tuple[int, int], delays_s: tuple[float, float], lost: float) -> None:
    chance = random.Random(_SEED)
    under_way: list[tuple[float, int, int, bytes]] = []  # when due, a number, whereto, the packet
    number = 0
    while True:
        wait_s = max(under_way[0][0] - time.monotonic(), 0) if under_way else None
        for end in select.select(ends, [], [], wait_s)[0]:
            way = ends.index(end)
            packet = os.read(end, _MOST)
            if len(packet) <= _HEADERS or chance.random() >= lost:
                number += 1
                due = time.monotonic() + delays_s[way]
                heapq.heappush(under_way, (due, number, ends[1 - way], packet))
        while under_way and under_way[0][0] <= time.monotonic():
            _, _, end, packet = heapq.heappop(under_way)
            try:
                os.write(end, packet)
            except OSError:  # down, or its queue is full: lost
                continue


if __name__ == "__main__":
    first, second, there_ms, back_ms, share, tap_name = sys.argv[1:]
    taps = tap_of(first, tap_name), tap_of(second, tap_name)
    print("ready", flush=True)
    relay(taps, (float(there_ms) / 1e3, float(back_ms) / 1e3), float(share))
