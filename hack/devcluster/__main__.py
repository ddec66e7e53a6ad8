"""The command line; see the package's docstring for the flow."""

import argparse
import json
import sys
from dataclasses import asdict

from devcluster import binaries, choice, dist, packages, senders
from devcluster.alone import alone
from devcluster.choice import Choice
from devcluster.errors import DevClusterError
from devcluster.images import engine, project
from devcluster.monitoring import apply as monitoring
from devcluster.monitoring import programs
from devcluster.paths import CHECKOUT, Cache
from devcluster.screen import say
from devcluster.versions import DATAPLANE_IMAGE, LOCAL_REDIS_IMAGE, OPERATOR_IMAGE


def main() -> int:
    """Run one command and return its exit code."""
    parser = argparse.ArgumentParser(prog="devcluster", description="A real Kubernetes cluster.")
    parser.add_argument(
        "--provider",
        type=Choice,
        choices=list(Choice),
        default=Choice.AUTO,
        help="the way to a cluster (default: the one that is up, else the first that works)",
    )
    commands = {
        "up": up,
        "down": down,
        "status": status,
        "env": env,
        "images": images,
        "clients": clients,
        "api-server": api_server,
        "senders": build_senders,
        "dist": write_dist,
    }
    parser.add_argument("command", choices=list(commands))
    arguments = parser.parse_args()
    cache = Cache.from_environment()
    try:
        return commands[arguments.command](cache, arguments.provider)
    except DevClusterError as error:
        say(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        say("interrupted; the next `up` repairs what is half done")
        return 130


def up(cache: Cache, said: Choice) -> int:
    """Make the cluster, or find it up."""
    with alone(cache):
        chosen = choice.to_make(cache, said)
        other = choice.active(cache)
        if other not in (None, chosen, Choice.CURRENT) and Choice.CURRENT is not chosen:
            raise DevClusterError(f"a cluster of provider {other} is up; take it down first")
        provider = choice.provider(cache, chosen)
        # Written first: what is half made by an interrupted run is found by `down`.
        cache.folder()
        cache.active.write_text(f"{chosen}\n")
        provider.up()
        if chosen is not Choice.CURRENT:
            monitoring.ensure(cache, provider)
        access = provider.access()
    say(f"the cluster is up: context {access.context}, ingress {access.ingress_url}")
    say(f"  export KUBECONFIG={access.kubeconfig}")
    return 0


def down(cache: Cache, said: Choice) -> int:
    """Remove the cluster; nothing to remove is fine too."""
    with alone(cache):
        active = choice.active(cache)
        if said is Choice.AUTO and active is None:
            say("no cluster is up")
        else:
            chosen = choice.to_use(cache, said)
            choice.provider(cache, chosen).down()
            if chosen is active:
                cache.active.unlink()
        engine.stop_own(cache)
    return 0


def status(cache: Cache, said: Choice) -> int:
    """Say what runs and where its logs are; the exit code tells whether the cluster is whole."""
    provider = choice.provider(cache, choice.to_use(cache, said))
    access = provider.access()
    is_up = provider.is_up()
    print(f"provider {access.provider}: {'up' if is_up else 'not up'}")
    print(f"context {access.context} in {access.kubeconfig}")
    print(f"logs in {access.logs}")
    for line in provider.report():
        print(line)
    return 0 if is_up else 1


def env(cache: Cache, said: Choice) -> int:
    """Print as JSON what tests and scripts need."""
    provider = choice.provider(cache, choice.to_use(cache, said))
    redis = cache.root / "redis-image"
    answer = {
        **asdict(provider.access()),
        "images": {
            "operator": OPERATOR_IMAGE,
            "dataplane": DATAPLANE_IMAGE,
            "redis": redis.read_text() if redis.exists() else LOCAL_REDIS_IMAGE,
        },
    }
    print(json.dumps(answer, indent=2))
    return 0


def images(cache: Cache, said: Choice) -> int:
    """Build the project's images and load them."""
    with alone(cache):
        project.build_and_load(cache, choice.provider(cache, choice.to_use(cache, said)))
    return 0


def clients(cache: Cache, _: Choice) -> int:
    """Build or fetch what some tests need without a cluster: kubectl, helm, promtool."""
    with alone(cache):
        binaries.ensure(cache, binaries.CLIENTS)
        programs.promtool(cache)
    return 0


def api_server(cache: Cache, _: Choice) -> int:
    """Build what tests need to run an API server of their own."""
    with alone(cache):
        binaries.ensure(cache, binaries.API_SERVER)
    return 0


def build_senders(cache: Cache, _: Choice) -> int:
    """Build the real senders that tests run against a pod; curl is a package."""
    with alone(cache, "lock-senders"):
        packages.require(cache, (packages.Package("curl", "curl"),), "testing real senders")
        senders.ensure(cache)
    return 0


def write_dist(cache: Cache, _: Choice) -> int:
    """Write the packed chart and the plain manifests into dist/."""
    with alone(cache):
        folder = binaries.ensure(cache, binaries.CLIENTS)
    for path in dist.write(folder / "helm", CHECKOUT / "dist"):
        print(path.relative_to(CHECKOUT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
