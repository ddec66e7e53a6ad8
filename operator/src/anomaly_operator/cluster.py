"""The Kubernetes API as the operator uses it: a Protocol, and the only import of `kubernetes`.

Called by `apply`, `reconcile` and `resync`. Requests go through the generated client's transport
(authentication, TLS, token refresh) and carry plain dicts; its models are never loaded, they cost
more memory than the rest of the operator.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Protocol

import aiohttp
import yaml
from kubernetes.aio import config as kube_config
from kubernetes.aio.client import ApiClient, Configuration

from anomaly_operator import kinds, names
from anomaly_operator.errors import ApiError
from anomaly_operator.kinds import Kind
from anomaly_operator.settings import Settings

Manifest = dict[str, Any]

_PAGE = 500
_APPLY = "application/apply-patch+yaml"
_MERGE = "application/merge-patch+json"
_JSON = "application/json"
_METADATA = f"{_JSON};as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
_METADATA_LIST = f"{_JSON};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_BUSY = frozenset({429, 500, 502, 503, 504})
_PAUSES = (0.1, 0.4)
_LONGEST_WAIT_SECONDS = 2.0
"""A longer Retry-After is left to the queue, which has others to do meanwhile."""
_LOGIN_SECONDS = 5.0
"""Credentials that are refused are read anew at most so often."""
ABSENT_SECONDS = 20.0
"""How long "this API is not installed" is believed; its presence is believed until a 404."""
_NO_VERSION = "1"
"""A resourceVersion that no object has: etcd spends it before the first one is stored."""


class Cluster(Protocol):
    """What the operator asks of a cluster. Every call raises ApiError when it is refused."""

    async def get(self, kind: Kind, namespace: str, name: str) -> Manifest | None:
        """One object, or None."""

    async def exists(self, kind: Kind, namespace: str | None, name: str) -> bool:
        """Whether there is such an object; without looking into it."""

    async def select(self, kind: Kind, namespace: str | None, selector: str) -> list[Manifest]:
        """All objects of a kind, in one namespace or in all, that match a label selector."""

    def pages(
        self, kind: Kind, namespace: str | None, selector: str, *, heads: bool = False
    ) -> AsyncIterator[list[Manifest]]:
        """The same bit by bit, so that not all are in memory at once; `heads`: metadata only."""

    async def apply(
        self,
        manifest: Manifest,
        *,
        manager: str = names.FIELD_MANAGER,
        dry_run: bool = False,
        new: bool = False,
    ) -> Manifest:
        """Server-side apply; takes fields over from other managers. Returns the live object.

        With `new`, an object that exists already is a conflict (409) and not touched.
        """

    async def create(self, manifest: Manifest) -> Manifest:
        """Create an object that must not exist yet."""

    async def replace(self, manifest: Manifest) -> Manifest:
        """Write that very version of an object anew; a newer one is a conflict (409)."""

    async def delete(
        self, kind: Kind, namespace: str, name: str, uid: str, *, propagation: str = "Background"
    ) -> None:
        """Delete that very object and what it owns, by default after it; absent is fine."""

    async def set_finalizers(self, body: Manifest, finalizers: list[str]) -> Manifest:
        """Say anew what that very version of a pipeline waits for when it is deleted."""

    async def patch_status(
        self, namespace: str, name: str, uid: str, status: Mapping[str, Any]
    ) -> Manifest:
        """Merge into the status of that very pipeline. Returns the live object."""

    async def set_managed_fields(self, live: Manifest, fields: list[Manifest]) -> None:
        """Say anew which manager owns which field of that very version of an object."""

    async def serves(self, kind: Kind, *, believed: float = ABSENT_SECONDS) -> bool:
        """Whether the cluster knows a kind.

        An earlier "no" is believed for so many seconds, a "yes" until a request meets a 404. With
        0, nothing is believed.
        """


def _ignore(verb: str, resource: str, code: int) -> None:
    """Count nothing."""


async def _stay() -> None:
    """Keep the credentials."""


class KubeCluster:
    """A real cluster."""

    def __init__(
        self,
        client: Any,
        timeout_seconds: float,
        on_request: Callable[[str, str, int], None] = _ignore,
        clock: Callable[[], float] = time.monotonic,
        login: Callable[[], Awaitable[None]] = _stay,
    ) -> None:
        self._client = client
        self._timeout = timeout_seconds
        self._login = login
        self._logged_in = float("-inf")
        self._may_write_for: Callable[[], float] = lambda: float("inf")
        self._on_request = on_request
        self._clock = clock
        self._served: dict[Kind, bool] = {}
        self._asked: dict[Kind, float] = {}

    def fence(self, seconds_left: Callable[[], float]) -> None:
        """From now on let no write out (but to the Lease) that could land after this time."""
        self._may_write_for = seconds_left

    async def get(self, kind: Kind, namespace: str, name: str) -> Manifest | None:
        try:
            return await self._call("get", kind, kind.path(namespace, name))
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    async def exists(self, kind: Kind, namespace: str | None, name: str) -> bool:
        try:
            await self._call("get", kind, kind.path(namespace, name), accept=_METADATA)
        except ApiError as error:
            if error.code == 404:
                return False
            raise
        return True

    async def select(self, kind: Kind, namespace: str | None, selector: str) -> list[Manifest]:
        return [item async for page in self.pages(kind, namespace, selector) for item in page]

    async def pages(
        self, kind: Kind, namespace: str | None, selector: str, *, heads: bool = False
    ) -> AsyncIterator[list[Manifest]]:
        path = kind.path(namespace)
        accept = _METADATA_LIST if heads else _JSON
        following = ""
        while True:
            query = [("labelSelector", selector), ("limit", str(_PAGE)), ("continue", following)]
            with self._unserved_if_missing(kind):
                answer = await self._call("list", kind, path, query=query, accept=accept)
            items = answer["items"] or []  # null in an empty list of metadata
            for item in items:  # which in a list carry no kind
                item["apiVersion"], item["kind"] = kind.api_version, kind.kind
            following = answer["metadata"].get("continue", "")
            yield items
            if not following:
                return

    async def apply(
        self,
        manifest: Manifest,
        *,
        manager: str = names.FIELD_MANAGER,
        dry_run: bool = False,
        new: bool = False,
    ) -> Manifest:
        kind = kinds.of(manifest)
        meta = manifest["metadata"]
        if new:
            manifest = {**manifest, "metadata": {**meta, "resourceVersion": _NO_VERSION}}
        path = kind.path(meta["namespace"], meta["name"])
        query = [("fieldManager", manager), ("force", "true")]
        if dry_run:
            query.append(("dryRun", "All"))
        with self._unserved_if_missing(kind):
            return await self._call(
                "patch", kind, path, query=query, body=manifest, content_type=_APPLY
            )

    async def create(self, manifest: Manifest) -> Manifest:
        kind = kinds.EVENT if manifest["kind"] == "Event" else kinds.of(manifest)
        path = kind.path(manifest["metadata"]["namespace"])
        query = [("fieldManager", names.FIELD_MANAGER)]
        return await self._call("create", kind, path, query=query, body=manifest)

    async def replace(self, manifest: Manifest) -> Manifest:
        kind = kinds.of(manifest)
        meta = manifest["metadata"]
        path = kind.path(meta["namespace"], meta["name"])
        query = [("fieldManager", names.FIELD_MANAGER)]
        return await self._call("update", kind, path, query=query, body=manifest)

    async def delete(
        self, kind: Kind, namespace: str, name: str, uid: str, *, propagation: str = "Background"
    ) -> None:
        body = {"preconditions": {"uid": uid}, "propagationPolicy": propagation}
        try:
            await self._call("delete", kind, kind.path(namespace, name), body=body)
        except ApiError as error:
            if error.code not in (404, 409):  # 409: by now it is another object of that name
                raise

    async def patch_status(
        self, namespace: str, name: str, uid: str, status: Mapping[str, Any]
    ) -> Manifest:
        path = kinds.PIPELINE.path(namespace, name, "status")
        body = {"metadata": {"uid": uid}, "status": dict(status)}
        query = [("fieldManager", names.FIELD_MANAGER)]
        return await self._call(
            "patch",
            kinds.PIPELINE,
            path,
            query=query,
            body=body,
            content_type=_MERGE,
            sub="/status",
        )

    async def set_finalizers(self, body: Manifest, finalizers: list[str]) -> Manifest:
        meta = body["metadata"]
        path = kinds.PIPELINE.path(meta["namespace"], meta["name"])
        version = {"uid": meta["uid"], "resourceVersion": meta["resourceVersion"]}
        patch = {"metadata": {**version, "finalizers": finalizers}}
        query = [("fieldManager", names.FIELD_MANAGER)]
        return await self._call(
            "patch", kinds.PIPELINE, path, query=query, body=patch, content_type=_MERGE
        )

    async def set_managed_fields(self, live: Manifest, fields: list[Manifest]) -> None:
        kind = kinds.of(live)
        meta = live["metadata"]
        path = kind.path(meta["namespace"], meta["name"])
        version = {"uid": meta["uid"], "resourceVersion": meta["resourceVersion"]}
        body = {"metadata": {**version, "managedFields": fields}}
        query = [("fieldManager", names.FIELD_MANAGER)]
        await self._call("patch", kind, path, query=query, body=body, content_type=_MERGE)

    async def serves(self, kind: Kind, *, believed: float = ABSENT_SECONDS) -> bool:
        known = self._served.get(kind) if believed else None
        if known or (known is False and self._clock() - self._asked[kind] < believed):
            return known
        try:
            answer = await self._call("get", kind, f"/apis/{kind.api_version}", sub="/discovery")
            found = {item["name"] for item in answer.get("resources") or ()}
        except ApiError as error:
            if error.code != 404:
                raise
            found = set()
        for each in kinds.OPTIONAL | {kind}:
            if each.api_version == kind.api_version:  # one answer tells of them all
                self._served[each] = each.plural in found
                self._asked[each] = self._clock()
        return self._served[kind]

    @contextmanager
    def _unserved_if_missing(self, kind: Kind) -> Iterator[None]:
        """Ask anew what is served after a 404 for what can only be missing with its whole API."""
        try:
            yield
        except ApiError as error:
            if error.code == 404:
                self._served.pop(kind, None)
            raise

    async def _call(self, verb: str, kind: Kind, path: str, **request: Any) -> Manifest:
        """One request, repeated soon where the API server is only busy for a moment."""
        for wait in _PAUSES:
            try:
                return await self._call_once(verb, kind, path, **request)
            except ApiError as error:
                if error.code == 401 and await self._log_in():
                    continue
                if error.code not in _BUSY or (error.retry_after or 0.0) > _LONGEST_WAIT_SECONDS:
                    raise
                await asyncio.sleep(max(error.retry_after or 0.0, wait * (0.5 + random.random())))  # noqa: S311  # jitter
        return await self._call_once(verb, kind, path, **request)

    async def _log_in(self) -> bool:
        """Read the credentials anew, which may have been replaced; tell whether that was done."""
        now = self._clock()
        if now - self._logged_in < _LOGIN_SECONDS:
            return now - self._logged_in < 1.0  # another request has just done it
        self._logged_in = now
        await self._login()
        return True

    async def _call_once(
        self,
        verb: str,
        kind: Kind,
        path: str,
        *,
        query: list[tuple[str, str]] | None = None,
        body: Manifest | None = None,
        content_type: str = _JSON,
        accept: str = _JSON,
        sub: str = "",
    ) -> Manifest:
        code = 0
        try:
            request = await self._client.param_serialize(
                _METHODS[verb],
                path,
                query_params=[(name, value) for name, value in query or () if value],
                header_params={"Accept": accept, "Content-Type": content_type},
                body=body,
                auth_settings=["BearerToken"],
            )
            seconds = self._timeout
            if verb not in _READS and kind is not kinds.LEASE:
                seconds = min(seconds, self._may_write_for())
                if seconds <= 0:
                    raise ApiError(0, "not sent: another operator may hold the Lease")
            limit = aiohttp.ClientTimeout(total=seconds)
            answer = await self._client.call_api(*request, _request_timeout=limit)
            text = await answer.read()
            code = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            what = str(error) or type(error).__name__
            raise ApiError(0, f"no answer from the API server: {what}") from error
        finally:
            self._on_request(verb, kind.plural + sub, code)
        if not 200 <= code <= 299:
            raise _error(code, answer.headers, text)
        parsed: Manifest = json.loads(text)
        return parsed


_METHODS = {"get": "GET", "list": "GET", "create": "POST", "patch": "PATCH", "delete": "DELETE"}
_METHODS["update"] = "PUT"
_READS = frozenset({"get", "list"})


def _error(code: int, headers: Mapping[str, str], text: bytes) -> ApiError:
    try:
        status = json.loads(text)
    except ValueError:
        status = {}
    if not isinstance(status, dict):
        status = {}
    details = status.get("details") or {}
    retry_after = headers.get("Retry-After", "")
    return ApiError(
        code,
        str(status.get("message") or text[:200].decode(errors="replace") or f"HTTP {code}"),
        reason=str(status.get("reason") or ""),
        retry_after=float(retry_after) if retry_after.isdigit() else None,
        causes=tuple(str(cause.get("reason")) for cause in details.get("causes") or ()),
    )


@asynccontextmanager
async def connect(
    settings: Settings,
    on_request: Callable[[str, str, int], None] = _ignore,
    *,
    who: str = "",
) -> AsyncIterator[KubeCluster]:
    """Connect with the pod's service account, or outside of a cluster with the kubeconfig.

    Raises:
        ApiError: there is neither.
    """
    configuration = Configuration()
    try:
        await _load_credentials(configuration)
    except (kube_config.ConfigException, yaml.YAMLError) as error:
        why = " ".join(str(error).split())
        raise ApiError(0, f"no cluster: {why}; KUBECONFIG names the file to use") from None
    configuration.connection_pool_maxsize = settings.workers + 4
    client = ApiClient(configuration)
    client.user_agent = f"{names.FIELD_MANAGER}/{who}" if who else names.FIELD_MANAGER

    async def login() -> None:
        await _load_credentials(configuration)

    try:
        yield KubeCluster(client, settings.api_timeout_seconds, on_request, login=login)
    finally:
        await client.close()  # type: ignore[no-untyped-call]


def service_url() -> str:
    """Where a pod finds the API server, as the kubelet tells it; empty outside of a cluster."""
    host = os.environ.get("KUBERNETES_SERVICE_HOST", "")
    port = os.environ.get("KUBERNETES_SERVICE_PORT") or "443"
    return f"https://{f'[{host}]' if ':' in host else host}:{port}" if host else ""


async def _load_credentials(configuration: Configuration) -> None:
    if service_url():
        kube_config.load_incluster_config(  # type: ignore[no-untyped-call]
            client_configuration=configuration
        )
    else:
        await kube_config.load_kube_config(  # type: ignore[no-untyped-call]
            client_configuration=configuration
        )
