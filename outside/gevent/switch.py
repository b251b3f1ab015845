"""The article's explicit switching: two greenlets that hand control to each other.

Without arguments it prints the article's four lines. With --switches it counts them: via:switch is
greenlet.switch() by name, where the count is what the switches themselves carry; via:sleep0 is
gevent.sleep(0), which goes through the hub, and each greenlet checks that it was its turn.
"""

import argparse
import time

import gevent
from greenlet import greenlet

import common


def print_the_articles_lines() -> None:
    def test1() -> None:
        print("test1: I am 1")
        second.switch()
        print("test1: I am 1.1")
        second.switch()

    def test2() -> None:
        print("test2: I am 2")
        first.switch()
        print("test2: I am 2.2")

    first, second = greenlet(test1), greenlet(test2)
    first.switch()


def by_name(switches: int) -> int:
    """The number that came back after it had been handed on, one higher each time."""

    def play(count: int) -> int:
        other = second if greenlet.getcurrent() is first else first
        while count < switches:
            count = other.switch(count + 1)
        return count

    first, second = greenlet(play), greenlet(play)
    return first.switch(0)


def through_the_hub(switches: int) -> int:
    """How often one of the two gave way to the other."""
    count = 0

    def play(turn: int) -> None:
        nonlocal count
        while count < switches:
            if count % 2 != turn:
                raise RuntimeError(f"at {count} it was the other's turn")
            count += 1
            gevent.sleep(0)

    gevent.joinall([gevent.spawn(play, turn) for turn in (0, 1)], raise_error=True)
    return count


WAYS = {"switch": by_name, "sleep0": through_the_hub}


def measure(args: argparse.Namespace) -> None:
    gevent.sleep(0)  # the first one makes the hub
    used = common.Usage.now()
    begin = time.perf_counter()
    done = WAYS[args.via](args.switches)
    seconds = time.perf_counter() - begin
    figures = used.figures_since()
    if done != args.switches:
        raise RuntimeError(f"{done} switches, not {args.switches}")
    common.print_figures({"switches": done, "seconds": seconds, **figures})


def main(args: argparse.Namespace) -> int:
    if args.switches is None:
        print_the_articles_lines()
    else:
        measure(args)
    return 0


if __name__ == "__main__":
    parser = common.Parser("switch.py", "Two greenlets that switch to each other.")
    parser.add_argument("--via", choices=WAYS, default="switch", help="default: switch")
    parser.add_argument("--switches", type=common.whole_number(1), metavar="N", help="count to N")
    common.run(parser, main)
