#!/usr/bin/env bash
# The one command: sets up, builds, measures, prints the table, draws the figures, writes the report.
# Arguments go to `switchyard.sh run`. exec at the end: a signal sent to this script reaches the
# runner, which keeps and draws what was measured, and its exit code is this script's.
# A full run also takes gevent, where it can be installed: without it, only its rows are left out.
set -euo pipefail

root=$(CDPATH='' cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/.." >/dev/null && pwd)
"$root/scripts/setup.sh"
log=$root/build/run.log
gevent_log=$root/build/setup-gevent.log
mkdir -p "$root/build"
for argument in "$@"; do
  if [[ $argument == --full ]] && ! "$root/scripts/setup.sh" --gevent >"$gevent_log" 2>&1; then
    echo "run: gevent could not be installed (log: $gevent_log): going on without its rows" >&2
  fi
done
echo "run: building (log: $log)"
if ! (cd -- "$root" && cmake --preset release &&
  cmake --build --preset measured --parallel "$(nproc)") >"$log" 2>&1; then
  tail -n 40 "$log" >&2
  echo "run: error: the build failed, see $log" >&2
  exit 1
fi
exec "$root/scripts/switchyard.sh" run --plot --report "$@"
