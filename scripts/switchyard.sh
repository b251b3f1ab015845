#!/usr/bin/env bash
# Starts the Python package scripts/switchyard with the interpreter that setup.sh made. exec, so that
# a signal sent to this process reaches the runner itself; -P, so that no file in the caller's folder
# shadows a module.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python=$root/.venv/bin/python
if [[ ! -x $python ]]; then
  echo "switchyard: error: $root/.venv is missing: run $root/scripts/setup.sh first" >&2
  exit 2
fi
PYTHONPATH=$root/scripts${PYTHONPATH:+:$PYTHONPATH} exec "$python" -P -m switchyard "$@"
