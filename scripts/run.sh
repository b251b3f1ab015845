#!/usr/bin/env bash
# The one command: sets up, builds, measures, prints the table, draws the figures, names the folder.
# Arguments go to `switchyard.sh run`. exec at the end: a signal sent to this script reaches the
# runner, which keeps and draws what was measured, and its exit code is this script's.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
scripts/setup.sh
log=build/run.log
mkdir -p build
echo "run: building (log: $log)"
if ! { cmake --preset release && cmake --build --preset release --parallel "$(nproc)"; } \
  >"$log" 2>&1; then
  tail -n 40 "$log" >&2
  echo "run: error: the build failed, see $log" >&2
  exit 1
fi
cd "$OLDPWD"
exec "$(dirname "${BASH_SOURCE[0]}")/switchyard.sh" run --plot "$@"
