"""Receivers are made, shown without their secret, and taken away."""

from __future__ import annotations

import pytest

from tests.warehouse.api.asking import Asking
from warehouse.deliveries.signing import key_of
from warehouse.ledger import webhooks

URL = "https://wms.example/hook"


def test_a_receivers_secret_is_told_once(api: Asking) -> None:
    admin = api.token("admin")
    made = api.ask("POST", "/v1/webhooks", admin, given={"name": "wms/1", "url": URL})
    assert made.status == 201
    key_of(made.json["secret"])
    shown = {"name": "wms/1", "url": URL, "site": None, "waiting": 0, "error": None}
    assert api.ask("GET", "/v1/webhooks", admin).json == [shown]
    assert api.ask("GET", "/v1/webhooks/wms%2F1", admin).json == shown
    assert api.ask("POST", "/v1/webhooks", admin, given={"name": "wms/1", "url": URL}).status == 409
    assert api.ask("DELETE", "/v1/webhooks/wms%2F1", admin).status == 204
    assert api.ask("DELETE", "/v1/webhooks/wms%2F1", admin).status == 404
    assert api.ask("GET", "/v1/webhooks", admin).json == []


@pytest.mark.parametrize("given", [{"url": "ftp://x"}, {"url": "https://a:b@x/"}, {"secret": "whsec_x"}, {"name": ""}, {"more": 1}])
def test_a_receiver_that_cannot_be_is_refused(lite: Asking, given: dict[str, object]) -> None:
    answer = lite.ask("POST", "/v1/webhooks", lite.token("admin"), given={"name": "x", "url": URL, **given})
    assert (answer.status, answer.headers["content-type"]) == (422, "application/problem+json")


def test_a_token_of_a_site_has_receivers_of_that_site_alone(lite: Asking) -> None:
    everywhere, here = lite.token("admin"), lite.token("admin", site="berlin")
    lite.ask("POST", "/v1/webhooks", everywhere, given={"name": "all", "url": URL})
    lite.ask("POST", "/v1/webhooks", here, given={"name": "here", "url": URL})
    with lite.ledger.read() as tx:
        assert [(hook.name, hook.site) for hook in webhooks.all_of(tx)] == [("all", None), ("here", "berlin")]
    assert [one["name"] for one in lite.ask("GET", "/v1/webhooks", here).json] == ["here"]
    assert lite.ask("GET", "/v1/webhooks/all", here).status == 404
    assert lite.ask("DELETE", "/v1/webhooks/all", here).status == 404
    assert lite.ask("POST", "/v1/webhooks", here, given={"name": "x", "url": URL, "site": "other"}).status == 403
