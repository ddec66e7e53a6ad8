"""The command `anomaly-operator`: `run`, `render`, `plan` and `let-go`."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import sys
from pathlib import Path

from anomaly_operator import __version__, logs, settings
from anomaly_operator.errors import InvalidSpec


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and do what it says; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        configured = settings.read(os.environ)
    except settings.InvalidSettings as error:
        return _fail(f"settings: {error}")
    if options.command == "render":
        return _render(options.file, options.config_only, options.output, configured)
    if options.command == "plan":
        return _plan(options.file, options.namespace, configured)
    if options.command == "let-go":
        return _let_go(configured)
    return _run(configured)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="anomaly-operator", description="Operator of AnomalyPipeline resources."
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="serve a cluster (settings: ANOMALY_OPERATOR_* variables)")
    render = commands.add_parser(
        "render", help="print the objects that a resource becomes; needs no cluster"
    )
    render.add_argument("file", type=Path, metavar="FILE", help="YAML with AnomalyPipelines")
    render.add_argument("-o", "--output", choices=("yaml", "json"), default="yaml")
    render.add_argument(
        "--config-only",
        action="store_true",
        help="print only the config document that the pods get (pipeline.json)",
    )
    plan = commands.add_parser(
        "plan",
        help="show what a resource would change on the cluster of the kubeconfig; changes nothing",
        description="Exit code 0: nothing would change; 1: something would; 2: an error.",
    )
    plan.add_argument("file", type=Path, metavar="FILE", help="YAML with AnomalyPipelines")
    plan.add_argument("-n", "--namespace", default="default", help="where FILE names none")
    commands.add_parser(
        "let-go",
        help="for uninstalling: let pipelines be deleted without an operator",
        description="Take the finalizer of `deletionPolicy: Delete` off every pipeline that this "
        "operator serves; the keys of those that are deleted later stay in Redis.",
    )
    return parser


def _let_go(configured: settings.Settings) -> int:
    from anomaly_operator import cluster, letgo
    from anomaly_operator.errors import ApiError

    async def work() -> int:
        async with cluster.connect(configured) as api:
            return await letgo.let_go(api, configured)

    logs.configure(configured.log_level, configured.log_format)
    try:
        count = asyncio.run(work())
    except ApiError as error:
        return _fail(str(error))
    _print(f"{count} pipelines let go\n")
    return 0


def _run(configured: settings.Settings) -> int:
    from anomaly_operator.run import run  # kopf and the client load only where they are needed

    logs.configure(configured.log_level, configured.log_format)
    try:
        asyncio.run(run(configured))
    except KeyboardInterrupt:
        return 130
    except Exception:
        logging.getLogger(__name__).exception("a part of the operator has failed; ending")
        return 1
    return 0


def _plan(file: Path, namespace: str, configured: settings.Settings) -> int:
    from anomaly_operator import plan, render
    from anomaly_operator.errors import ApiError

    try:
        found = plan.of_file(file, namespace, configured)
    except (render.Unreadable, ApiError) as error:
        return _fail(str(error))
    except InvalidSpec as error:
        return _fail("\n".join(f"{file}: {problem}" for problem in error.problems))
    for pipeline, changes in found:
        _print(f"# {pipeline.namespace}/{pipeline.name}: {plan.summary(changes)}\n")
        for change in changes:
            _print(f"# {change.action}: {change.object}\n{change.diff}\n")
    return 1 if any(changes for _, changes in found) else 0


def _render(file: Path, config_only: bool, output: str, configured: settings.Settings) -> int:
    from anomaly_operator import render

    try:
        pipelines = list(render.pipelines(file, configured))
    except render.Unreadable as error:
        return _fail(str(error))
    except InvalidSpec as error:
        return _fail("\n".join(f"{file}: {problem}" for problem in error.problems))
    if config_only:
        for pipeline in pipelines:
            _print(json.dumps(pipeline.document, indent=2) + "\n")
        return 0
    manifests = [found for pipeline in pipelines for found in render.objects(pipeline)]
    if output == "json":
        _print(
            json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests}, indent=2) + "\n"
        )
    else:
        _print(render.to_yaml(manifests))
    return 0


def _print(text: str) -> None:
    sys.stdout.write(text)


def _fail(message: str) -> int:
    sys.stderr.write(f"{message}\n")
    return 2


if __name__ == "__main__":
    sys.exit(main())
