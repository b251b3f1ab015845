"""Check whether the candidate is slower than the baseline; the exit code says.

Every way of failing ends with exit code 2, as 1 has a meaning of its own (something regressed):
errors.VERDICTS has the entry point see to that. For `git bisect run` a candidate that can't be
measured is 125, and the entry point makes 128 of all else.
"""

import argparse
from pathlib import Path

from ..system import errors
from ..system.errors import CandidateError
from ..system.machine import Machine

_SKIP_COMMIT = 125
_EXAMPLES = """\
examples:
  check --baseline main                     the working tree against the branch main
  check --baseline HEAD~1 --filter fiber    only benchmarks whose name matches
  check --baseline-build A --candidate-build B --binaries 'bench/*'
                                            any Google Benchmark binaries below A and B
  check --baseline-build A --candidate-build B --binaries 'bench/*' -- --threads 4
                                            the same, with arguments for the binaries
  check --replay DIR                        judge the raw data of an earlier check again

defaults for these options: [check] in switchyard.toml, in the top folder of the repository

exit codes: 0 nothing regressed, 1 regressed, 2 the check could not do its work, 3 undecided
(with --strict), 128 + N ended by signal N"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from ..gate import options

    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EXAMPLES
    parser.set_defaults(arguments=())  # of the binaries: what is behind --
    options.add_to(parser)


def main(args: argparse.Namespace) -> int:
    from ..gate import options

    machine = Machine()
    asked = options.read(args, machine)
    # Statistics take a second to load: only for options that make sense.
    from ..gate import execution

    try:
        if isinstance(asked, Path):
            return execution.replay(asked)
        return execution.check(asked, machine)
    except CandidateError as error:
        if not args.bisect_run:
            raise
        errors.report(error)
        return _SKIP_COMMIT
