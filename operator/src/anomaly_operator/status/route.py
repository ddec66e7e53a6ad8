"""The route from outside: whether a controller has taken it up, and the address it gives.

Pure; `checks` has the verdict from here, `status.compute` the endpoint, `reconcile` the public URL.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from anomaly_operator import kinds, names, observe
from anomaly_operator.inventory import Child
from anomaly_operator.listeners import Listener
from anomaly_operator.spec import Pipeline
from anomaly_operator.status.conditions import Verdict, no, unknown, yes
from anomaly_operator.status.reasons import Reason

_PORTS = {"http": 80, "https": 443}


def accepted(pipeline: Pipeline, observed: observe.Surroundings) -> Verdict:
    """Whether a controller has taken up the route."""
    if pipeline.expose.http_route:
        return _http_route_accepted(pipeline, observed)
    if not pipeline.expose.ingress:
        return yes(Reason.NOT_EXPOSED, "expose.type is None: reachable inside the cluster only.")
    route = observed.child(kinds.INGRESS, names.dataplane(pipeline.name))
    if route is None:
        return no(Reason.ROUTE_MISSING, "The Ingress does not exist yet.")
    if not _address(route):
        wanted = pipeline.expose.class_name
        which = f'class "{wanted}"' if wanted else "the default class"
        return unknown(
            Reason.ADDRESS_PENDING,
            f"No ingress controller has published an address for the Ingress yet; is one "
            f"installed for {which}?",
        )
    return yes(Reason.ADMITTED, "An ingress controller serves the route.")


def _http_route_accepted(pipeline: Pipeline, observed: observe.Surroundings) -> Verdict:
    if kinds.HTTP_ROUTE not in observed.served:
        return no(
            Reason.CRD_NOT_INSTALLED,
            "The cluster has no HTTPRoute (gateway.networking.k8s.io/v1); this heals when the "
            "Gateway API is installed.",
        )
    route = observed.child(kinds.HTTP_ROUTE, names.dataplane(pipeline.name))
    if route is None:
        return no(Reason.ROUTE_MISSING, "The HTTPRoute does not exist yet.")
    said = list(_parents(route))
    for parent, conditions in said:
        if all(conditions.get(each, ("",))[0] == "True" for each in ("Accepted", "ResolvedRefs")):
            return yes(Reason.ADMITTED, f"Gateway {_text(parent, pipeline)} serves the route.")
    for parent, conditions in said:
        for type_ in ("Accepted", "ResolvedRefs"):
            status, why, text = conditions.get(type_, ("", "", ""))
            if status == "False":
                where = _text(parent, pipeline)
                return no(
                    Reason.ROUTE_NOT_ACCEPTED, f"Gateway {where}: {type_}=False, {why}: {text}"
                )
    names_ = ", ".join(_text(parent, pipeline) for parent in pipeline.expose.parent_refs)
    return unknown(
        Reason.ACCEPTANCE_PENDING,
        f"No controller has taken up the HTTPRoute yet; is there a Gateway {names_}, and does it"
        " admit routes of this namespace?",
    )


def endpoint(pipeline: Pipeline, observed: observe.Surroundings) -> str:
    """Where to send samples: the route if its host is known, else the Service."""
    outside = _from_outside(pipeline, observed)
    if outside:
        return outside
    port = pipeline.expose.service_port
    port_text = "" if port == 80 else f":{port}"
    return f"http://{names.dataplane(pipeline.name)}.{pipeline.namespace}.svc{port_text}"


def public_url(pipeline: Pipeline, observed: observe.Surroundings) -> str:
    """Where people reach the pipeline, for links to it; empty unless the route is in service."""
    if accepted(pipeline, observed).status != "True":
        return ""
    return _from_outside(pipeline, observed)


def _from_outside(pipeline: Pipeline, observed: observe.Surroundings) -> str:
    """The address for those outside of the cluster, empty if none is known."""
    expose = pipeline.expose
    path = expose.path.rstrip("/")
    if expose.ingress:
        route = observed.child(kinds.INGRESS, names.dataplane(pipeline.name))
        host = expose.host or (_address(route) if route is not None else "")
        scheme = "https" if expose.tls_secret else "http"
        if host:
            port = _ingress_port(route, _PORTS[scheme])
            return _url(scheme, host, port, path, expose.endpoint_ports)
    if expose.http_route:
        listener = _listener(pipeline, observed)
        host = expose.host or _gateways_host(listener, observed)
        if host and listener is not None:
            scheme = "https" if listener.secure else "http"
            return _url(scheme, host, listener.port, path, expose.endpoint_ports)
    front = observed.child(kinds.SERVICE, names.dataplane(pipeline.name))
    if not expose.routed and front is not None and (host := _address(front)):
        return _url("http", host, expose.service_port, "", {})
    return ""


def _url(scheme: str, host: str, port: int, path: str, reached: Mapping[int, int]) -> str:
    """An address; the port is left out where it is the scheme's own."""
    port = reached.get(port, port)
    if ":" in host:  # an IPv6 address
        host = f"[{host}]"
    return f"{scheme}://{host}{'' if port == _PORTS[scheme] else f':{port}'}{path}"


def _address(route: Child) -> str:
    """The host name or IP that a controller has published for an Ingress or a Service."""
    for entry in (route.status.get("loadBalancer") or {}).get("ingress") or ():
        found = entry.get("hostname") or entry.get("ip")
        if found:
            return str(found)
    return ""


def _ingress_port(route: Child | None, usual: int) -> int:
    """The port that the controller has published, where it says one; most say none."""
    entries = (route.status.get("loadBalancer") or {}).get("ingress") if route is not None else ()
    for entry in entries or ():
        ports = [int(each["port"]) for each in entry.get("ports") or ()]
        if ports and usual not in ports:
            return ports[0]
    return usual


def _parents(route: Child) -> Iterator[tuple[Mapping[str, Any], Mapping[str, tuple[str, ...]]]]:
    """What each Gateway says of this very version of the route."""
    for parent in route.status.get("parents") or ():
        conditions = {
            each["type"]: (each["status"], each.get("reason", ""), each.get("message", ""))
            for each in parent["conditions"]
            if each.get("observedGeneration", route.generation) >= route.generation
        }
        yield parent["parentRef"], conditions


def _text(parent: Mapping[str, Any], pipeline: Pipeline) -> str:
    section = f" ({parent['sectionName']})" if parent.get("sectionName") else ""
    return f"{parent.get('namespace') or pipeline.namespace}/{parent['name']}{section}"


def _listener(pipeline: Pipeline, observed: observe.Surroundings) -> Listener | None:
    """The listener that senders use: the one named, else a secure one before an open one."""
    parent = pipeline.expose.parent_refs[0]
    section, port = parent.get("sectionName", ""), parent.get("port", 0)
    if observed.gateway is None:  # it cannot be read; the reference may tell enough
        return Listener(section, "", port, port == _PORTS["https"]) if port else None
    host = pipeline.expose.host
    fitting = [
        each
        for each in observed.gateway.listeners
        if section in ("", each.name) and port in (0, each.port) and _covers(each.hostname, host)
    ]
    return min(fitting, key=lambda each: not each.secure, default=None)


def _covers(pattern: str, host: str) -> bool:
    if not pattern or not host or pattern == host:
        return True
    return pattern.startswith("*.") and host.endswith(pattern[1:])


def _gateways_host(listener: Listener | None, observed: observe.Surroundings) -> str:
    if listener is not None and listener.hostname and not listener.hostname.startswith("*"):
        return listener.hostname
    return next(iter(observed.gateway.addresses), "") if observed.gateway is not None else ""
