#!/usr/bin/env bash
# Installs what Switchyard needs and is not there yet: C++ tools and libraries through apt, Python
# packages through pip into .venv. It looks before it acts, so that a second run needs no network,
# takes a moment and says in one line that nothing was to do. --help tells what else it can add.
set -euo pipefail

root=$(CDPATH='' cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/.." >/dev/null && pwd)
requirements=$root/scripts/requirements.txt
stamp=$root/.venv/.switchyard-requirements
# Python packages that not everybody needs, scripts/requirements-NAME.txt, each with the module that
# tells whether they are there.
declare -A module_of=([gevent]=gevent [uvloop]=uvloop [tests]=selenium)
# What is wanted may be a `maybe`: then it is no failure that it can't be had.
declare -A wanted=() had=()
packages=(g++ cmake ninja-build libbenchmark-dev libgtest-dev libgmock-dev libcli11-dev
  nlohmann-json3-dev libssl-dev liburing-dev wrk python3 python3-venv git procps)
with_perf=no
go_sources=$root/outside/go
go_server=$root/build/outside/go/echo_server
python_only=no
did_something=no

say() { echo "setup: $*"; }
fail() {
  echo "setup: error: $*" >&2
  exit 1
}

# lacks NAME WHY: it was wanted, and can't be had.
lacks() {
  if [[ ${wanted[$1]} == yes ]]; then fail "$2"; fi
  say "$2; going on without the rows of $1"
}

help() {
  echo "Usage: scripts/setup.sh [--gevent] [--uvloop] [--go] [--outside] [--mpi] [--tests] [--clang] | --python-only
Installs what Switchyard needs and is not there yet: apt packages, Python packages into .venv.

  --gevent    also gevent, for the Python originals in outside/gevent/ and their rows
  --uvloop    also uvloop, for the rows of outside/asyncio/ on that event loop
  --go        also Go, and the server of outside/go/ built with it, for its rows
  --outside   these three, each where it can be had: without one, only its rows are left out
  --mpi       also Open MPI, for echo_load_mpi: load from several machines
  --tests     also what the tests start themselves: nginx, openssl, valgrind, time, iproute2, on Debian
              chromium, and perf where it is packaged as linux-perf (on Ubuntu:
              apt-get install linux-tools-\$(uname -r))
  --clang     also clang, its sanitizers and libFuzzer, and clang-tidy
  --python-only
              the Python packages alone, on any Linux: all that \`switchyard.sh check --binaries\`
              of another project needs
  -h, --help  print this and exit"
}

read_arguments() {
  local argument name
  for argument in "$@"; do
    case $argument in
      --gevent | --uvloop | --go) wanted[${argument#--}]=yes ;;
      --outside) for name in gevent uvloop go; do wanted[$name]=${wanted[$name]-maybe}; done ;;
      --mpi) packages+=(openmpi-bin libopenmpi-dev) ;;
      --tests)
        wanted[tests]=yes
        packages+=(nginx openssl valgrind libbenchmark-tools time iproute2)
        with_perf=yes
        # Ubuntu has it as a snap only, which can't read the tests' folders: they go without.
        if is_debian; then packages+=(chromium chromium-driver); fi
        ;;
      --clang) packages+=(clang clang-tidy clang-tools libclang-rt-dev) ;;
      --python-only) python_only=yes ;;
      -h | --help)
        help
        exit
        ;;
      *)
        echo "setup: error: unknown argument '$argument' (see scripts/setup.sh --help)" >&2
        exit 2
        ;;
    esac
  done
  if [[ ${wanted[go]-} == yes ]] && ! is_on_path go; then packages+=(golang-go); fi
  if [[ $python_only == yes && $# -gt 1 ]]; then
    echo "setup: error: --python-only goes without other arguments" >&2
    exit 2
  fi
}

# shellcheck disable=SC1091
is_debian() { [[ -r /etc/os-release && $(. /etc/os-release && echo "${ID-}") == debian ]]; }

is_on_path() { command -v "$1" >/dev/null; }

installed() { [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]; }

# The newest Boost of at least 1.81 among the names of libboost-fiber*-dev packages on stdin.
newest_boost() {
  sed -n 's/^libboost-fiber\(1\.[0-9]*\)-dev.*/\1/p' | sort -V | awk -F. '$2 >= 81' | tail -n 1
}

boost_packages() {
  echo "libboost$1-dev libboost-fiber$1-dev libboost-context$1-dev libboost-url$1-dev"
}

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
  # shellcheck disable=SC2068
  apt_install ${missing[@]} || fail "apt-get could not install: ${missing[*]}"
  did_something=yes
}

# --no-remove: a package that conflicts with what somebody else installed is for a person to decide.
apt_install() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
    --no-remove "$@" >/dev/null
}

# A program that can be done without, so whatever goes wrong is no failure.
add_if_packaged() {
  if is_on_path "$1" || ! apt-cache show "$2" >/dev/null 2>&1; then return; fi
  say "installing $2"
  did_something=yes
  apt_install "$2" || say "apt-get could not install $2; going on without"
}

# With nothing from elsewhere: neither the environment's settings of Go nor a proxy's modules have a
# say in it.
build_go() {
  local source
  for source in "$go_sources"/*; do
    if [[ ! $go_server -nt $source ]]; then
      is_on_path go || return
      say "building outside/go"
      did_something=yes
      mkdir -p "$(dirname -- "$go_server")"
      export GOENV=off GOFLAGS='-trimpath -buildvcs=false' GOPROXY=off GOTOOLCHAIN=local GOWORK=off
      export GOCACHE=$root/build/outside/go/cache
      (cd -- "$go_sources" && go build -o "$go_server" .)
      return
    fi
  done
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

stamp_of() { sha256sum "$1" | cut -d ' ' -f 1; }

# The stamp $2 says that the requirements $1, as they are now, were installed.
is_stamped() { [[ -f $2 && $(<"$2") == "$(stamp_of "$1")" ]]; }

# A newer Python of the system's starts there too, and finds no package of the older one.
venv_is_current() {
  is_stamped "$requirements" "$stamp" &&
    "$root/.venv/bin/python" -P -c 'import msgspec, rich' 2>/dev/null
}

extra_requirements() { echo "$root/scripts/requirements-$1.txt"; }
extra_stamp() { echo "$root/.venv/.switchyard-$1"; }

extra_is_current() {
  is_stamped "$(extra_requirements "$1")" "$(extra_stamp "$1")" &&
    "$root/.venv/bin/python" -P -c "import ${module_of[$1]}" 2>/dev/null
}

make_venv() {
  local python
  # What is made anew is emptied first, and behind a link that is somebody else's.
  [[ ! -L $root/.venv ]] ||
    fail ".venv is a link to $(readlink -- "$root/.venv") and is not current: set it up there"
  python=$(find_python)
  [[ -n $python ]] || fail "no Python of at least 3.11 that can make a virtual environment" \
    "(on Debian and Ubuntu: apt-get install python3-venv)"
  say "installing the packages of scripts/requirements.txt into .venv"
  "$python" -m venv --clear "$root/.venv" || fail "$python could not make $root/.venv"
  "$root/.venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    --requirement "$requirements" || fail "pip could not install scripts/requirements.txt"
  stamp_of "$requirements" >"$stamp"
  did_something=yes
}

# Its exit code is whether it worked: `set -e` does not hold where that is asked for.
add_extra() {
  local extra_file extra_mark
  extra_file=$(extra_requirements "$1")
  extra_mark=$(extra_stamp "$1")
  say "installing the packages of scripts/requirements-$1.txt into .venv"
  did_something=yes
  rm -f "$extra_mark"
  "$root/.venv/bin/python" -m pip install --quiet --disable-pip-version-check --only-binary :all: \
    --requirement "$extra_file" && stamp_of "$extra_file" >"$extra_mark"
}

read_arguments "$@"

if [[ $python_only == no ]]; then
  command -v dpkg-query >/dev/null ||
    fail "this is no Debian or Ubuntu (dpkg and apt are not there); needed: ${packages[*]}, Boost 1.81 or newer"
  mapfile -t missing < <(missing_packages)
  if ((${#missing[@]})); then install_packages "${missing[@]}"; fi
  # Only the name that all kernels share: Ubuntu has a package for each of them, and none for the
  # kernel of many a container's host.
  if [[ $with_perf == yes ]]; then add_if_packaged perf linux-perf; fi
  if [[ ${wanted[go]-} == maybe ]]; then add_if_packaged go golang-go; fi
  if [[ -n ${wanted[go]-} ]]; then
    build_go || lacks go "go could not build outside/go"
  fi
fi
for extra in "${!module_of[@]}"; do
  if [[ -f $(extra_stamp "$extra") ]]; then had[$extra]=yes; fi # a .venv made anew has lost it
done
venv_is_current || make_venv
for extra in "${!module_of[@]}"; do
  if [[ -n ${wanted[$extra]-} ]]; then
    extra_is_current "$extra" || add_extra "$extra" ||
      lacks "$extra" "pip could not install scripts/requirements-$extra.txt"
  elif [[ ${had[$extra]-} == yes ]]; then
    extra_is_current "$extra" || add_extra "$extra" ||
      say "${module_of[$extra]} is missing now: scripts/setup.sh --$extra adds it"
  fi
done
if [[ $did_something == yes ]]; then say "done"; else say "everything is there, nothing to do"; fi
