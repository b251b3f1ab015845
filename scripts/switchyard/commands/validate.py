"""Validate our figures against other instruments: perf, wrk, GNU time, the kernel's counters."""

import argparse

from ..agreement import plan


def add_arguments(parser: argparse.ArgumentParser) -> None:
    plan.add_options(parser)


def main(args: argparse.Namespace) -> int:
    asked = plan.plan(args)
    # Statistics take a second to load: only for what is to be measured.
    from ..agreement.validation import validate

    return validate(asked)
