#!/usr/bin/env bash
# Installs what Switchyard needs and is not there yet: C++ tools and libraries through apt, Python
# packages through pip into .venv. It looks before it acts, so that a second run needs no network,
# takes a moment and says in one line that nothing was to do.
set -euo pipefail

root=$(CDPATH='' cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/.." >/dev/null && pwd)
requirements=$root/scripts/requirements.txt
stamp=$root/.venv/.switchyard-requirements
packages=(g++ cmake ninja-build libbenchmark-dev libgtest-dev libgmock-dev libcli11-dev
  nlohmann-json3-dev python3 python3-venv git procps)
did_something=no

say() { echo "setup: $*"; }
fail() {
  echo "setup: error: $*" >&2
  exit 1
}

installed() { [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]; }

# The newest Boost of at least 1.81 among the names of libboost-fiber*-dev packages on stdin.
newest_boost() {
  sed -n 's/^libboost-fiber\(1\.[0-9]*\)-dev.*/\1/p' | sort -V | awk -F. '$2 >= 81' | tail -n 1
}

boost_packages() { echo "libboost$1-dev libboost-fiber$1-dev libboost-context$1-dev"; }

missing_packages() {
  local package version
  for package in "${packages[@]}"; do installed "$package" || echo "$package"; done
  version=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' 'libboost-fiber*-dev' 2>/dev/null |
    sed -n 's/^installed //p' | newest_boost) || true # dpkg-query fails when there is none at all
  if [[ -z $version ]]; then
    echo boost
  else
    for package in $(boost_packages "$version"); do installed "$package" || echo "$package"; done
  fi
}

as_root() {
  if [[ $(id -u) == 0 ]]; then "$@"; else sudo "$@"; fi
}

# Debian 12 has 1.74 as its default Boost and 1.81 beside it; others may have several as well.
available_boost() {
  # shellcheck disable=SC1091
  if [[ $(. /etc/os-release && echo "$ID $VERSION_ID") == "debian 12" ]]; then
    echo 1.81
  else
    apt-cache search --names-only '^libboost-fiber1\.[0-9]+-dev$' | newest_boost
  fi
}

install_packages() {
  local missing=("$@") version
  command -v apt-get >/dev/null ||
    fail "apt-get is not there (Debian 12+ or Ubuntu 24.04+ expected); please install: ${missing[*]}"
  [[ $(id -u) == 0 ]] || command -v sudo >/dev/null ||
    fail "needs root or sudo to install: ${missing[*]}"
  say "installing ${missing[*]}"
  as_root apt-get update -qq || fail "apt-get update failed (is there a network?)"
  if [[ " ${missing[*]} " == *" boost "* ]]; then
    version=$(available_boost)
    [[ -n $version ]] || fail "no Boost of at least 1.81 among this system's packages"
    # shellcheck disable=SC2207
    missing=("${missing[@]/#boost/}" $(boost_packages "$version"))
  fi
  # --no-remove: a package that conflicts with what somebody else installed is for a person to decide.
  # shellcheck disable=SC2068
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
    --no-remove ${missing[@]} >/dev/null || fail "apt-get could not install: ${missing[*]}"
  did_something=yes
}

# The first interpreter that is new enough and can make a venv with pip in it (a shim of a version
# manager on PATH may not).
find_python() {
  local candidate
  for candidate in python3 /usr/bin/python3 python3.13 python3.12 python3.11; do
    if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' \
      2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
}

wanted_stamp() { sha256sum "$requirements" | cut -d ' ' -f 1; }

venv_is_current() {
  [[ -f $stamp && $(<"$stamp") == "$(wanted_stamp)" ]] && "$root/.venv/bin/python" -c '' 2>/dev/null
}

make_venv() {
  local python
  python=$(find_python)
  [[ -n $python ]] || fail "no Python of at least 3.11 that can make a virtual environment"
  say "installing the packages of scripts/requirements.txt into .venv"
  "$python" -m venv --clear "$root/.venv" || fail "$python could not make $root/.venv"
  "$root/.venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    --requirement "$requirements" || fail "pip could not install scripts/requirements.txt"
  wanted_stamp >"$stamp"
  did_something=yes
}

command -v dpkg-query >/dev/null ||
  fail "this is no Debian or Ubuntu (dpkg and apt are not there); see README.md for what is needed"
mapfile -t missing < <(missing_packages)
if ((${#missing[@]})); then install_packages "${missing[@]}"; fi
venv_is_current || make_venv
if [[ $did_something == yes ]]; then say "done"; else say "everything is there, nothing to do"; fi
