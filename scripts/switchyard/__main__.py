"""Entry point: makes the standard streams safe, then hands over to the command line in cli.py.

Nothing else is loaded before, so that Ctrl-C ends in one line also while the commands load.
"""

import sys

from . import streams


def main() -> int:
    stdout = streams.make_safe()
    try:
        from . import cli

        code = cli.main()
    except KeyboardInterrupt:
        print("switchyard: interrupted", file=sys.stderr)
        code = 130
    except ImportError as error:
        print(f"switchyard: error: {error}: run scripts/setup.sh", file=sys.stderr)
        code = 2
    except SystemExit as ended:  # argparse: --help, or a command line it can't use
        code = int(ended.code or 0)
    sys.stdout.flush()
    # A reader that went away has what it wanted.
    if stdout.error and not isinstance(stdout.error, BrokenPipeError):
        reason = stdout.error.strerror
        print(f"switchyard: error: cannot write output: {reason}", file=sys.stderr)
        code = code or (2 if sys.argv[1:2] == ["check"] else 1)  # of a check, 1 is a verdict
    return code


if __name__ == "__main__":
    sys.exit(main())
