"""Check whether the candidate is slower than the baseline; the exit code says.

Every way of failing ends with exit code 2, as 1 has a meaning of its own (something regressed):
errors.VERDICTS has the entry point see to that. For `git bisect run` a candidate that can't be
measured is 125, and the entry point makes 128 of all else.
"""

import argparse

from ..system import errors
from ..system.errors import CandidateError
from ..system.machine import Machine

_SKIP_COMMIT = 125


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from ..gate import options

    options.add_to(parser)


def main(args: argparse.Namespace) -> int:
    from ..gate import options

    machine = Machine()
    earlier = options.replayed(args)
    asked = earlier or options.read(args, machine)
    # Statistics take a second to load: only for options that make sense.
    from ..gate import execution

    try:
        return execution.replay(earlier) if earlier else execution.check(asked, machine)
    except CandidateError as error:
        if not args.bisect_run:
            raise
        errors.report(error)
        return _SKIP_COMMIT
