"""The command line: `make fuzz ARGS="--inputs 1000000"`."""

from __future__ import annotations

import argparse
import sys
import time

from devcluster.paths import Cache
from fuzz.run import run
from fuzz.targets import Target, targets


def main() -> int:
    """Fuzz, print a table, and return 1 if something was found."""
    parser = argparse.ArgumentParser(prog="fuzz", description="Generated inputs for every parser.")
    parser.add_argument("--inputs", type=int, default=10_000_000, help="of all targets together")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="at most")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the random numbers")
    parser.add_argument("--only", default="", help="targets whose name contains this")
    arguments = parser.parse_args()
    chosen = [target for target in targets() if arguments.only in target.name]
    print(f"{len(chosen)} targets, seed {arguments.seed}", flush=True)
    started = time.process_time()
    found = run(
        chosen,
        arguments.inputs,
        seconds=arguments.seconds,
        seed=arguments.seed,
        tell=lambda text: print(f"  {text}", flush=True),
    )
    print(_table(chosen))
    total = sum(target.tally.inputs for target in chosen)
    print(f"{total:,} inputs in {time.process_time() - started:.0f} s of CPU")
    if found is None:
        print("nothing found: no crash, no hang, no status of 500 or more")
        return 0
    kept = found.keep(Cache.from_environment().folder("fuzz"))
    print(f"FOUND in {found.target}: {found.error}\n  input: {found.data[:200]!r}\n  kept: {kept}")
    return 1


def _table(fed: list[Target]) -> str:
    rows = [
        f"{'target':<52} {'inputs':>11} {'taken':>10} {'partly':>10} {'refused':>10} {'slowest':>9}"
    ]
    for target in fed:
        tally = target.tally
        rows.append(
            f"{target.name[:52]:<52} {tally.inputs:>11,} {tally.taken:>10,} {tally.partly:>10,}"
            f" {tally.refused:>10,} {tally.slowest_seconds * 1e3:>6.1f} ms"
        )
    rows += [
        f"{protocol:<52} {sum(t.tally.inputs for t in fed if t.protocol == protocol):>11,}"
        for protocol in dict.fromkeys(target.protocol for target in fed)
    ]
    return "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main())
