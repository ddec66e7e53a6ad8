"""The command line; see the package's docstring for the flow."""

import argparse
import sys

from devcluster.errors import DevClusterError
from devcluster.local import Local
from devcluster.paths import Cache
from devcluster.screen import say


def main() -> int:
    """Run one command and return its exit code."""
    parser = argparse.ArgumentParser(prog="devcluster", description="A real Kubernetes cluster.")
    parser.add_argument("command", choices=("up", "down", "status", "env", "images"))
    parser.add_argument("--provider", default="auto")
    arguments = parser.parse_args()
    cache = Cache.from_environment()
    p = Local(cache)
    try:
        getattr(p, arguments.command)()
    except DevClusterError as error:
        say(f"error: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
