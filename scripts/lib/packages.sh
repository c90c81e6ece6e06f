# SPDX-License-Identifier: MIT
# packages.sh - the Debian packages that each job needs, and require_packages, which sees to them.
# Sourced by the scripts (bash). Installs as root only; never starts a service; knows no other source of
# packages than the system's own.

EVS_PACKAGES_BUILD="build-essential cmake ninja-build pkg-config libuv1-dev libjansson-dev libhiredis-dev
  libpcre2-dev libsqlite3-dev libzstd-dev liblz4-dev libssl-dev libcivetweb-dev uthash-dev python3 python3-dev python3-cffi"
EVS_PACKAGES_DEMO="redis-server"
EVS_PACKAGES_TEST="redis-server libcmocka-dev python3-pytest python3-pytest-asyncio python3-hypothesis
  python3-pip mypy"
EVS_PACKAGES_DASHBOARD="python3-jsonschema python3-prometheus-client"
# Node and npm often come from elsewhere, and then must not be installed a second time.
EVS_PACKAGES_NODE=$(command -v npm >/dev/null || echo "nodejs npm")
EVS_PACKAGES_BROWSER="chromium nginx fonts-dejavu-core"
EVS_PACKAGES_LINT="clang clang-tidy clang-format"
EVS_PACKAGES_FUZZ="clang libclang-rt-14-dev"
EVS_PACKAGES_ABI="abigail-tools"
EVS_PACKAGES_GUARD="valgrind"

# Prints those of its arguments that are not installed.
evs_missing_packages() {
  local name
  local installed
  installed=$(dpkg-query -W -f='${Package} ${db:Status-Status}\n' "$@" 2>/dev/null | sed -n 's/ installed$//p')
  for name in "$@"; do
    grep -qxF -- "$name" <<<"$installed" || printf '%s\n' "$name"
  done
}

# Installing redis-server would start it: a policy that forbids starting services stands for as long as apt
# runs, unless the machine has a policy of its own.
evs_apt_install() (
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
  fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get install -y -q --no-install-recommends "$@" >&2
)

# require_packages PURPOSE PACKAGE…: returns when all are installed, else ends the script with status 3.
require_packages() {
  local purpose=$1
  shift
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    evs_require_tools "$purpose" "$@"
    return
  fi
  local missing
  missing=$(evs_missing_packages "$@")
  [ -n "$missing" ] || return 0
  # shellcheck disable=SC2086 # package names hold no spaces
  set -- $missing
  if [ "$(id -u)" -ne 0 ]; then
    printf 'sudo apt-get install %s\n' "$*"
    printf '%s needs these packages; run the line above, then try again.\n' "$purpose" >&2
    exit 3
  fi
  printf 'installing for %s: %s\n' "$purpose" "$*" >&2
  if apt-cache show --no-all-versions "$@" >/dev/null 2>&1 && evs_apt_install "$@"; then
    return 0
  fi
  # No package lists yet, or stale ones.
  if ! apt-get update -q >&2 || ! evs_apt_install "$@"; then
    printf '%s needs these packages, and apt-get could not install them: %s\n' "$purpose" "$*" >&2
    exit 3
  fi
}

# Where there is no apt: says what is missing and why, judged by the file or program that is needed.
evs_require_tools() {
  local purpose=$1 name found missing=""
  shift
  for name in "$@"; do
    case $name in
    build-essential) found=$(command -v cc) ;;
    ninja-build) found=$(command -v ninja) ;;
    nodejs) found=$(command -v node) ;;
    npm | valgrind | chromium | nginx | redis-server | cmake | pkg-config | python3 | mypy | clang | clang-tidy | clang-format)
      found=$(command -v "$name")
      ;;
    abigail-tools) found=$(command -v abidiff) ;;
    libuv1-dev) found=$(pkg-config --exists libuv 2>/dev/null && echo yes) ;;
    libjansson-dev) found=$(pkg-config --exists jansson 2>/dev/null && echo yes) ;;
    libsqlite3-dev) found=$(pkg-config --exists sqlite3 2>/dev/null && echo yes) ;;
    libssl-dev) found=$(pkg-config --exists libssl libcrypto 2>/dev/null && echo yes) ;;
    libcmocka-dev) found=$(pkg-config --exists cmocka 2>/dev/null && echo yes) ;;
    libhiredis-dev) found=$(evs_has_header hiredis/hiredis.h) ;;
    libpcre2-dev) found=$(evs_has_header pcre2.h) ;;
    libzstd-dev) found=$(evs_has_header zstd.h) ;;
    liblz4-dev) found=$(evs_has_header lz4frame.h) ;;
    libcivetweb-dev) found=$(evs_has_header civetweb.h) ;;
    uthash-dev) found=$(evs_has_header uthash.h) ;;
    python3-dev) found=$(python3 -c 'import os, sysconfig
print("yes" if os.path.exists(sysconfig.get_path("include") + "/Python.h") else "")' 2>/dev/null) ;;
    python3-cffi) found=$(python3 -c 'import cffi; print("yes")' 2>/dev/null) ;;
    python3-pytest) found=$(python3 -c 'import pytest; print("yes")' 2>/dev/null) ;;
    python3-hypothesis) found=$(python3 -c 'import hypothesis; print("yes")' 2>/dev/null) ;;
    python3-pip) found=$(python3 -c 'import pip; print("yes")' 2>/dev/null) ;;
    python3-jsonschema) found=$(python3 -c 'import jsonschema; print("yes")' 2>/dev/null) ;;
    python3-prometheus-client) found=$(python3 -c 'import prometheus_client; print("yes")' 2>/dev/null) ;;
    python3-pytest-asyncio) found=$(python3 -c 'import pytest_asyncio; print("yes")' 2>/dev/null) ;;
    *) found=yes ;; # parts of a tool that is named beside them
    esac
    [ -n "$found" ] || missing="$missing $name"
  done
  [ -n "$missing" ] || return 0
  printf '%s needs what Debian calls:%s\n' "$purpose" "$missing" >&2
  printf 'This system has no apt-get; install them by its own means, then try again.\n' >&2
  exit 3
}

evs_has_header() {
  printf '#include <%s>\n' "$1" | cc -E -x c - >/dev/null 2>&1 && echo yes
}
