"""Coverage-guided inputs by Atheris, where it installs: `make fuzz-guided`.

The same targets as `make fuzz`, a process for each protocol, its parsers interpreted so that their
branches are seen. The corpus is kept in `$ANOMALY_CACHE/fuzz`, so each run goes on where the last
one ended.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

import atheris

with atheris.instrument_imports(include=["anomaly_dataplane.ingest", "anomaly_dataplane.mqtt"]):
    from devcluster.paths import Cache
    from fuzz.run import feed
    from fuzz.seeds import seeds
    from fuzz.targets import Target, targets

LONGEST = 4096
"""Bytes of an input: more seldom finds more, and takes longer."""


def guide(protocol: str, seconds: int) -> None:
    """Feed the targets of a protocol, the first byte choosing which. Never returns."""
    chosen = [target for target in targets() if target.protocol == protocol]
    corpus = Cache.from_environment().folder("fuzz") / protocol
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds(protocol)):
        for i in range(len(chosen)):
            (corpus / f"seed-{number}-{i}").write_bytes(bytes([i]) + seed)

    def one(data: bytes) -> None:
        if data:
            feed(chosen[data[0] % len(chosen)], data[1:])

    options = [f"-max_total_time={seconds}", f"-max_len={LONGEST}", f"-artifact_prefix={corpus}-"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], one)
    atheris.Fuzz()


def main() -> int:
    """Guide each protocol in turn; returns 1 if something was found."""
    parser = argparse.ArgumentParser(prog="fuzz.guided", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="for each protocol")
    parser.add_argument("--only", default="", help="protocols whose name contains this")
    parser.add_argument("--protocol", default="", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.protocol:
        guide(arguments.protocol, arguments.seconds)
    protocols = [name for name in _protocols(targets()) if arguments.only in name]
    words = [sys.executable, "-m", "fuzz.guided", "--seconds", str(arguments.seconds)]
    environment = {**os.environ, "ANOMALY_KERNELS": "python"}
    broken = [
        name
        for name in protocols
        if subprocess.run([*words, "--protocol", name], env=environment).returncode  # noqa: S603
    ]
    print(f"FOUND in {', '.join(broken)}" if broken else "nothing found")
    return int(bool(broken))


def _protocols(every: list[Target]) -> list[str]:
    return list(dict.fromkeys(target.protocol for target in every))


if __name__ == "__main__":
    sys.exit(main())
