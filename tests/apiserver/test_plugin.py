"""`kubectl anomaly` on a real API server, and with a real pod at the pipeline's address."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from kube import Kubectl, says
from operator_process import OperatorProcess
from pipelines import RESOURCE, resource
from polling import eventually
from redis_server import redis_server
from served_pods import TOKEN, pod_process

DOCUMENT = {"version": 1, "ingest": {}}
PLUGIN = Path(__file__).resolve().parents[2] / "hack" / "kubectl-anomaly"
ENV = {
    "PLAIN": "shown",
    "PROXY_PASSWORD": "a-hidden-word",
    "proxy_passphrase": "many words that kubectl breaks into lines, of which " + "hidden-too " * 9,
    "TLS_KEY": "-----BEGIN PRIVATE KEY-----\nhidden-lines\n-----END PRIVATE KEY-----\n",
    "PROXY": "http://me:another-word@proxy:3128",
    "AFTER": "shown-after",
}
SPEC: dict[str, Any] = {
    "podTemplate": {
        "spec": {
            "containers": [
                {
                    "name": "dataplane",
                    "env": [{"name": name, "value": value} for name, value in ENV.items()],
                }
            ]
        }
    },
    "alerting": {"webhooks": [{"name": "chat", "url": "https://chat.example/hooks/hidden-path"}]},
}
"""What people should have put into a Secret."""
HIDDEN = ("a-hidden-word", "hidden-too", "hidden-lines", "another-word", "hidden-path")


class Plugin:
    """`kubectl anomaly ...`, as kubectl finds and calls it."""

    def __init__(self, kubectl: Kubectl, folder: Path) -> None:
        (folder / "bin").mkdir(parents=True)
        (folder / "bin" / "kubectl").symlink_to(shutil.which(kubectl.binary) or kubectl.binary)
        (folder / "bin" / "kubectl-anomaly").symlink_to(PLUGIN)
        self.folder = folder
        self._where = ["-n", kubectl.namespace, f"--kubeconfig={kubectl.kubeconfig}"]
        self._path = f"{folder / 'bin'}:{os.environ['PATH']}"

    def run(
        self, *words: str, stdin: str = "", token: str = ""
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["kubectl", "anomaly", *words, *self._where],
            executable=str(self.folder / "bin" / "kubectl"),
            env={**os.environ, "PATH": self._path, "ANOMALY_TOKEN": token},
            cwd=self.folder,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def said(self, *words: str, stdin: str = "", token: str = "") -> str:
        done = self.run(*words, stdin=stdin, token=token)
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout


@pytest.fixture
def plugin(kubectl: Kubectl, tmp_path: Path) -> Plugin:
    return Plugin(kubectl, tmp_path)


@pytest.fixture
def endpoint(kubectl: Kubectl, tmp_path: Path) -> Iterator[str]:
    """The address of a real pod that asks for a token, in the status of a pipeline."""
    with redis_server() as redis, pod_process(tmp_path, DOCUMENT, "Standalone", [redis]) as pod:
        kubectl.apply(resource("boiler"))
        change = json.dumps({"status": {"endpoint": pod.url}})
        kubectl.run(
            "patch", RESOURCE, "boiler", "--subresource=status", "--type=merge", "-p", change
        )
        yield pod.url


def test_it_shows_a_pipeline_and_packs_a_report_without_secrets(
    kubectl: Kubectl, served: OperatorProcess, plugin: Plugin
) -> None:
    """Conditions, objects and events; of Secrets the names alone."""
    kubectl.apply(resource("boiler", SPEC))
    eventually("it is applied", partial(is_applied, kubectl))
    eventually("an Event", lambda: kubectl.list("events"))
    status = plugin.said("status", "boiler")
    told = plugin.said("report", "boiler", "out.tar.gz")

    for word in ("WorkloadAvailable", "deployment.apps/boiler", "Created"):
        assert word in status
    assert "out.tar.gz: 10 files" in told
    found = files(plugin.folder / "out.tar.gz")
    for file, word in {
        "pipeline.yaml": "kind: AnomalyPipeline",
        "secrets.txt": "secret/boiler-redis",
        "objects.yaml": "kind: StatefulSet",
        "servicemonitors.yaml": "have a resource type",
    }.items():
        assert word in found[file]
    password = kubectl.need("secret", "boiler-redis")["data"]["password"]
    for text in found.values():
        for word in (*HIDDEN, "last-applied", password):
            assert word not in text
    deployment = next(
        each
        for each in yaml.safe_load(found["objects.yaml"])["items"]
        if each["kind"] == "Deployment"
    )
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    shown = {each["name"]: each.get("value") for each in container["env"] if each["name"] in ENV}
    assert shown == {
        **dict.fromkeys(ENV, "REDACTED"),
        "PLAIN": "shown",
        "PROXY": "http://REDACTED@proxy:3128",
        "AFTER": "shown-after",
    }


def test_who_may_see_little_gets_a_report_of_that(kubectl: Kubectl, tmp_path: Path) -> None:
    """What is refused says so in its place."""
    kubectl.apply(resource("boiler", SPEC))
    kubectl.run("create", "serviceaccount", "guest")
    rights = ["--verb=get,list", f"--resource={RESOURCE},configmaps"]
    kubectl.run("create", "role", "guest", *rights)
    bound = f"--serviceaccount={kubectl.namespace}:guest"
    kubectl.run("create", "rolebinding", "guest", "--role=guest", bound)
    config = yaml.safe_load(kubectl.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": kubectl.run("create", "token", "guest").strip()}
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
    guest = Plugin(
        Kubectl(kubectl.binary, tmp_path / "kubeconfig", kubectl.namespace), tmp_path / "guest"
    )

    guest.said("report", "boiler", "out.tar.gz")
    found = files(guest.folder / "out.tar.gz")

    assert "kind: AnomalyPipeline" in found["pipeline.yaml"]
    assert "forbidden" in found["objects.yaml"]
    assert "forbidden" in found["secrets.txt"]
    assert "Conditions:" in guest.said("status", "boiler")
    assert guest.run("report", "nobody").returncode != 0


def files(report: Path) -> dict[str, str]:
    """Each file of a report by its name."""
    with tarfile.open(report) as packed:
        return {
            Path(member.name).name: io.TextIOWrapper(file).read()
            for member in packed.getmembers()
            if (file := packed.extractfile(member)) is not None
        }


def test_it_sends_samples_and_asks_what_became_of_them(plugin: Plugin, endpoint: str) -> None:
    """With the token; without it the pipeline's own words are shown."""
    refused = plugin.run("send", "boiler", '{"metric": "m", "value": 1}')
    sent = json.loads(plugin.said("send", "boiler", '{"metric": "m", "value": 1}', token=TOKEN))
    plugin.said("send", "boiler", stdin='{"metric": "m", "value": 2}', token=TOKEN)
    series = json.loads(plugin.said("series", "boiler", token=TOKEN))["series"]
    why = plugin.said("explain", "boiler", series[0]["id"], token=TOKEN)
    anomalies = json.loads(plugin.said("anomalies", "boiler", "limit=5", token=TOKEN))

    assert refused.returncode != 0
    assert "401" in refused.stderr
    assert "error" in json.loads(refused.stdout)
    assert sent["verdicts"][0]["status"] == "warming"
    assert [each["metric"] for each in series] == ["m"]
    assert '"m"' in why
    assert anomalies["anomalies"] == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["dance", "boiler"], "there is no command 'dance'"),
        (["status"], "needs the name"),
        (["explain", "boiler"], "needs the id of a series"),
        (["status", "nobody"], '"nobody" not found'),
    ],
)
def test_what_it_cannot_do_it_says(plugin: Plugin, words: list[str], says: str) -> None:
    """And it fails."""
    done = plugin.run(*words)

    assert done.returncode != 0
    assert says in done.stderr
    assert "kubectl anomaly status NAME" in plugin.said("help")


def is_applied(kubectl: Kubectl) -> bool:
    return says(kubectl.need(RESOURCE, "boiler"), "Applied", "True")
