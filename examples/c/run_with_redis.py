# SPDX-License-Identifier: MIT
"""Runs PROGRAM URL with a redis-server of its own. Ends with the program's exit code."""
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "support"))

from redis_server import RedisServer  # noqa: E402


def main():
    with RedisServer() as server:
        code = subprocess.run([*sys.argv[1:], server.url], timeout=50, check=False).returncode
    # Words that the tests look for: a program that printed all the right lines may still have failed.
    if code:
        print(f"{sys.argv[1]}: exit code {code}")
    sys.exit(code)


if __name__ == "__main__":
    main()
