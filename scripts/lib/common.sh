# SPDX-License-Identifier: MIT
# common.sh - what every script starts with: strict mode, the project's folder in $root, help and errors.
# Sourced by the scripts (bash).

set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=packages.sh
. "$root/scripts/lib/packages.sh"

# The system's own interpreter: python3-cffi and the other packages belong to it, whatever is first on PATH.
evs_python() {
  if [ -x /usr/bin/python3 ]; then
    echo /usr/bin/python3
  else
    command -v python3
  fi
}

# usage TEXT: an error in how the script was called.
usage_error() {
  printf '%s: %s; see --help\n' "$(basename "$0")" "$1" >&2
  exit 2
}

# C files that are ours, for the formatter and the linter.
evs_c_files() {
  (cd "$root" && find libevents cli dashboard bindings tests examples \
    \( -name '*.c' -o -name '*.h' -o -name '*.cpp' \) -type f -not -path '*/node_modules/*' | LC_ALL=C sort)
}
