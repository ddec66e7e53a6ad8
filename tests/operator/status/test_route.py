"""Which route counts as taken up, and which address it gives."""

from __future__ import annotations

from typing import Any

import pytest

from anomaly_operator import inventory, kinds, spec
from anomaly_operator.inventory import Child, ChildRef
from anomaly_operator.listeners import Gateway, Listener
from anomaly_operator.observe import Observed
from anomaly_operator.settings import Settings
from anomaly_operator.status import route
from operators import START, a_resource

Manifest = dict[str, Any]

INSIDE = "http://boiler.team.svc"
PUBLIC = {"type": "HTTPRoute", "parentRefs": [{"name": "public", "namespace": "gateways"}]}
HTTP = Listener("http", "", 80, secure=False)
HTTPS = Listener("https", "*.example", 443, secure=True)
OPEN = Gateway((HTTP,), ("192.0.2.7",))
BOTH = Gateway((HTTP, HTTPS), ("192.0.2.7",))


def a_pipeline(expose: Manifest, settings: Settings | None = None) -> spec.Pipeline:
    return spec.parse(a_resource({"expose": expose}), settings or Settings())


def a_child(kind: kinds.Kind, state: Manifest, generation: int = 1) -> Child:
    meta = {"name": "boiler", "namespace": "team", "generation": generation}
    return inventory.child(
        {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": meta, "status": state}
    )


def an_ingress(*addresses: Manifest) -> Child:
    return a_child(kinds.INGRESS, {"loadBalancer": {"ingress": list(addresses)}})


def an_http_route(*conditions: tuple[str, str, str], seen: int = 1) -> Child:
    said = [
        {
            "type": type_,
            "status": state,
            "reason": reason,
            "message": f"{reason}, they say.",
            "observedGeneration": seen,
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
        for type_, state, reason in conditions
    ]
    parent = {"name": "public", "namespace": "gateways"}
    entry = {"parentRef": parent, "controllerName": "example.com/c", "conditions": said}
    return a_child(kinds.HTTP_ROUTE, {"parents": [entry] if said else []}, generation=1)


TAKEN = an_http_route(("Accepted", "True", "Accepted"), ("ResolvedRefs", "True", "ResolvedRefs"))


def observed(*children: Child | None, **changes: Any) -> Observed:
    values: dict[str, Any] = {
        "children": {ChildRef(c.kind.kind, c.name): c for c in children if c is not None},
        "failures": (),
        "pending": "",
        "dataplane_trouble": None,
        "redis_trouble": None,
        "stats": None,
        "samples_per_second": None,
        "served": kinds.OPTIONAL,
        "gateway": None,
        "now": START,
    }
    return Observed(**{**values, **changes})


@pytest.mark.parametrize(
    ("expose", "child", "found", "endpoint"),
    [
        ({}, None, ("False", "RouteMissing"), INSIDE),
        ({}, an_ingress(), ("Unknown", "AddressPending"), INSIDE),
        ({}, an_ingress({"ip": "192.0.2.1"}), ("True", "Admitted"), "http://192.0.2.1/team/boiler"),
        (
            {"tls": {"secretName": "s"}},
            an_ingress({"hostname": "lb.example"}),
            ("True", "Admitted"),
            "https://lb.example/team/boiler",
        ),
        (
            {"host": "m.example", "path": "/"},
            an_ingress({"ip": "192.0.2.1"}),
            ("True", "Admitted"),
            "http://m.example",
        ),
        (
            {"tls": {"secretName": "s"}},
            an_ingress({"ip": "192.0.2.1", "ports": [{"port": 8443, "protocol": "TCP"}]}),
            ("True", "Admitted"),
            "https://192.0.2.1:8443/team/boiler",
        ),
        (
            {},
            an_ingress({"ip": "2001:db8::1", "ports": [{"port": 443}, {"port": 80}]}),
            ("True", "Admitted"),
            "http://[2001:db8::1]/team/boiler",
        ),
        (
            {"type": "None", "service": {"port": 8000}},
            None,
            ("True", "NotExposed"),
            f"{INSIDE}:8000",
        ),
        (
            {"type": "None", "service": {"port": 8000, "type": "LoadBalancer"}},
            a_child(kinds.SERVICE, {"loadBalancer": {"ingress": [{"ip": "192.0.2.9"}]}}),
            ("True", "NotExposed"),
            "http://192.0.2.9:8000",
        ),
    ],
)
def test_an_ingress_counts_once_a_controller_has_given_it_an_address(
    expose: Manifest, child: Child | None, found: tuple[str, str], endpoint: str
) -> None:
    """The endpoint is the best address that is known."""
    pipeline, seen = a_pipeline(expose), observed(child)
    verdict = route.accepted(pipeline, seen)

    assert (verdict.status, verdict.reason) == found
    assert route.endpoint(pipeline, seen) == endpoint
    in_service = route.accepted(pipeline, seen).status == "True" and ".svc" not in endpoint
    assert route.public_url(pipeline, seen) == (endpoint if in_service else "")


@pytest.mark.parametrize(
    ("child", "found", "words"),
    [
        (None, ("False", "RouteMissing"), "HTTPRoute"),
        (an_http_route(), ("Unknown", "AcceptancePending"), "gateways/public"),
        (TAKEN, ("True", "Admitted"), "gateways/public"),
        (
            an_http_route(("Accepted", "False", "NotAllowedByListeners")),
            ("False", "RouteNotAccepted"),
            "NotAllowedByListeners, they say.",
        ),
        (
            an_http_route(
                ("Accepted", "True", "Accepted"), ("ResolvedRefs", "False", "BackendNotFound")
            ),
            ("False", "RouteNotAccepted"),
            "ResolvedRefs=False, BackendNotFound",
        ),
        (
            an_http_route(
                ("Accepted", "True", "Accepted"), ("ResolvedRefs", "True", "Resolved"), seen=0
            ),
            ("Unknown", "AcceptancePending"),
            "",
        ),
    ],
    ids=["missing", "unseen", "taken", "refused", "no backend", "of an older version"],
)
def test_an_http_route_counts_once_its_gateway_has_accepted_it(
    child: Child | None, found: tuple[str, str], words: str
) -> None:
    """This very version of it, and its Service too; else the Gateway's own words are passed on."""
    verdict = route.accepted(a_pipeline(PUBLIC), observed(child))

    assert (verdict.status, verdict.reason) == found
    assert words in verdict.message


def test_one_gateway_of_several_is_enough() -> None:
    """Samples come in by it."""
    refused = an_http_route(("Accepted", "False", "NoMatchingParent"))
    both = {"parents": [*refused.status["parents"], *TAKEN.status["parents"]]}

    verdict = route.accepted(a_pipeline(PUBLIC), observed(a_child(kinds.HTTP_ROUTE, both)))

    assert verdict.status == "True"


def test_a_cluster_without_the_gateway_api_says_so() -> None:
    """And heals, since the route is applied as soon as its kind is served."""
    verdict = route.accepted(a_pipeline(PUBLIC), observed(served=frozenset()))

    assert (verdict.status, verdict.reason) == ("False", "CRDNotInstalled")


def with_parent(**parent: Any) -> Manifest:
    return {"type": "HTTPRoute", "parentRefs": [{"name": "public", **parent}]}


@pytest.mark.parametrize(
    ("expose", "gateway", "endpoint"),
    [
        (PUBLIC, None, INSIDE),
        (PUBLIC, OPEN, "http://192.0.2.7/team/boiler"),
        ({**PUBLIC, "host": "m.example"}, OPEN, "http://m.example/team/boiler"),
        ({**PUBLIC, "host": "m.example"}, BOTH, "https://m.example/team/boiler"),
        ({**PUBLIC, "host": "m.elsewhere"}, BOTH, "http://m.elsewhere/team/boiler"),
        (
            {**with_parent(sectionName="http"), "host": "m.example"},
            BOTH,
            "http://m.example/team/boiler",
        ),
        ({**with_parent(port=443), "host": "m.example"}, None, "https://m.example/team/boiler"),
        (
            {**PUBLIC, "path": "/"},
            Gateway((Listener("x", "metrics.example", 8080, secure=False),), ()),
            "http://metrics.example:8080",
        ),
        (PUBLIC, Gateway((), ("192.0.2.7",)), INSIDE),
    ],
)
def test_the_endpoint_is_that_of_the_gateways_listener(
    expose: Manifest, gateway: Gateway | None, endpoint: str
) -> None:
    """Scheme and port are the listener's: a secure one that fits before an open one."""
    seen = observed(TAKEN, gateway=gateway)

    assert route.endpoint(a_pipeline(expose), seen) == endpoint


def test_ports_that_are_mapped_on_the_way_are_told() -> None:
    """Behind a NodePort neither Ingress nor Gateway know what senders have to use."""
    settings = Settings(endpoint_ports=((80, 30080), (443, 443)))
    seen = observed(an_ingress({"ip": "192.0.2.1"}))

    mapped = route.endpoint(a_pipeline({}, settings), seen)
    kept = route.endpoint(a_pipeline({"tls": {"secretName": "s"}}, settings), seen)

    assert mapped == "http://192.0.2.1:30080/team/boiler"
    assert kept == "https://192.0.2.1/team/boiler"
