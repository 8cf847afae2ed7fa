"""A token of one site sees nothing of another, whatever route it asks."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from agent.evidence.transfer import repr_digest
from bintally.topics import Station
from tests.fakes.events import EPOCH
from tests.warehouse.api.asking import Asking
from tests.warehouse.api.world import HERE, LAYOUT, THERE, fill
from warehouse.api.app import make_app
from warehouse.api.settings import Settings

SECRET = Station("secret-site", "secret-station")
NUMBERS = itertools.count()
OPEN = {"/healthz", "/openapi.json"}
BODIES: dict[str, Any] = {
    "/v1/corrections": {"site": SECRET.site, "bin": "A/17", "quantity": 1},
    "/v1/expected": [{"site": SECRET.site, "bin": "A/17", "quantity": 1}],
    "/v1/places": [{"site": SECRET.site, "bin": "A/17", "aisle": 0, "position_m": 1.0}],
    "/v1/discrepancies/{number}/recount": {"to": "eve"},
    "/v1/discrepancies/{number}/settle": {"quantity": 1},
    "/v1/pick-lists": {
        "site": SECRET.site,
        "orders": [{"name": "o", "lines": [{"article": "4006381333931", "quantity": 1}]}],
        "capacity": 5,
    },
    "/v1/recount-tours": {"site": SECRET.site, "minutes": 5},
    "/v1/webhooks/{name}": {"url": "https://example.com/hook", "site": SECRET.site},
    "/v1/webhooks": {"name": "hook", "url": "https://example.com/hook", "site": SECRET.site},
}
"""What each route is asked for; a new route with a body needs its line here."""


def operations() -> Iterator[tuple[str, str]]:
    """Every operation of the OpenAPI document that wants a token."""
    document = make_app(None, Settings()).openapi()  # type: ignore[arg-type]  # the document needs no ledger
    for path, methods in document["paths"].items():
        for method in methods:
            if path not in OPEN:
                yield method.upper(), path


@pytest.fixture(scope="module")
def world(shared: Asking) -> Asking:
    """With a third site, and its pictures."""
    fill(shared.ledger, SECRET)
    token = shared.token("admin", name="filler")
    for ending, content in (("jpg", b"\xff\xd8\xff secret \xff\xd9"), ("json", b'{"BINTALLY": {"event": null, "reason": "secret"}}')):
        target = f"/evidence/{SECRET.source}/{EPOCH}-1.{ending}"
        assert shared.ask("PUT", target, token, content, repr_digest=repr_digest(content)).status in (201, 204)
    return shared


def state(api: Asking) -> Any:
    """All that the site holds, as one that may sees it."""
    token = api.reader
    paths = ("counts", "bins", "stations", "discrepancies?state=settled", "discrepancies")
    found = [api.ask("GET", f"/v1/{path}{'&' if '?' in path else '?'}site={SECRET.site}", token).json for path in paths]
    layout = api.ask("GET", f"/v1/sites/{SECRET.site}/layout", token)
    return [*found, layout.content.decode(), api.ask("GET", f"/evidence/{SECRET.source}/{EPOCH}-1.jpg", token).content]


@pytest.mark.parametrize(("method", "path"), list(operations()), ids=str)
def test_a_token_of_one_site_neither_sees_nor_changes_another(world: Asking, method: str, path: str) -> None:
    token = world.token("admin", site=HERE.site, name=f"spy{next(NUMBERS)}")
    before = state(world)
    (case,) = before[4]["items"]
    names = {"site": SECRET.site, "station": SECRET.station, "bin": "A/17", "number": str(case["number"]), "name": f"{EPOCH}-1.jpg"}
    target = path.format(**{name: quote(value, safe="") for name, value in names.items()})
    body, kind = _body(method, path)
    for query in ("", f"?site={SECRET.site}"):
        answer = world.ask(method, target + query, token, body, content_type=kind)
        told = answer.content.decode("utf-8", "replace")
        # what was asked for may be said again; what only the site knows may not
        assert not [word for word in (SECRET.station, "secret \ufffd", LAYOUT, f'"site":"{SECRET.site}"') if word in told], told
        assert answer.status < 500
        if query or "{" in path or body:
            assert answer.status in (403, 404, 422), (answer.status, told)
    assert state(world) == before


def _body(method: str, path: str) -> tuple[bytes | None, str]:
    if path.endswith("/layout"):
        return (LAYOUT.encode(), "application/toml") if method == "PUT" else (None, "text/plain")
    if method in ("POST", "PUT") and not path.startswith("/evidence") and not path.endswith("/release"):
        return json.dumps(BODIES[path]).encode(), "application/json"
    return (b"x", "image/jpeg") if method == "PUT" else (None, "text/plain")


def test_the_same_routes_show_an_unbound_token_everything(world: Asking) -> None:
    told = json.dumps(state(world)[:5])
    assert SECRET.station in told
    sites = {one["site"] for one in world.ask("GET", "/v1/bins", world.reader).json["items"]}
    assert sites == {HERE.site, THERE.site, SECRET.site}


def test_a_bound_token_is_about_its_site_without_saying_so(shared: Asking) -> None:
    token = shared.token("read", site=THERE.site, name="there")
    for path in ("counts", "bins", "stations", "discrepancies"):
        found = shared.ask("GET", f"/v1/{path}", token).json
        items = found if isinstance(found, list) else found["items"]
        assert {one["site"] for one in items} == {THERE.site}


def test_the_document_names_every_operation_once_with_the_scope_that_it_needs() -> None:
    document = make_app(None, Settings()).openapi()  # type: ignore[arg-type]
    found = [operation for path in document["paths"].values() for operation in path.values()]
    assert len({operation["operationId"] for operation in found}) == len(found)
    scopes = {operation["operationId"]: operation.get("security", [{}])[0].get("HTTPBearer") for operation in found}
    assert (scopes["list_bins"], scopes["settle"], scopes["health"]) == (["read"], ["count:correct"], None)
    refused = document["paths"]["/v1/bins"]["get"]["responses"]["429"]
    assert refused["content"]["application/problem+json"]["schema"] == {"$ref": "#/components/schemas/Problem"}
    assert "RateLimit" in refused["headers"]
