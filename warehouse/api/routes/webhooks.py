"""Who hears of discrepancies over HTTP."""

from __future__ import annotations

from http import HTTPStatus

import sqlalchemy as sa
from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from bintally.errors import InputError, UsageError
from warehouse.api.deps import Admin, SharedApi
from warehouse.api.models import Given
from warehouse.api.names import Name, SiteQuery
from warehouse.api.problems import RefusedError, documented
from warehouse.api.scopes import Caller
from warehouse.api.tagged import Tagged
from warehouse.deliveries.post import check_url
from warehouse.deliveries.signing import key_of, new_secret
from warehouse.ledger import webhooks
from warehouse.ledger.webhooks import Webhook

router = APIRouter(prefix="/v1", tags=["webhooks"], route_class=Tagged, responses=documented())


class WebhookGiven(Given):
    """A receiver."""

    name: Name = Field(examples=["wms"])
    url: str = Field(max_length=2000, description="where it takes POST requests", examples=["https://wms.example/bintally"])
    secret: str | None = Field(None, max_length=200, description="whsec_…, to sign with; by default a new one is made")
    site: Name | None = Field(None, description="of this site only; by default all that the token sees", examples=["berlin"])


class WebhookRead(BaseModel):
    """A receiver, and what it has not taken yet."""

    name: str = Field(examples=["wms"])
    url: str = Field(examples=["https://wms.example/bintally"])
    site: str | None = Field(description="null: all sites", examples=["berlin"])
    waiting: int = Field(description="messages that it has not taken yet", examples=[0])
    error: str | None = Field(description="why the newest one that failed did")


class WebhookMade(BaseModel):
    """A new receiver."""

    name: str = Field(examples=["wms"])
    secret: str = Field(description="to check signatures with (Standard Webhooks); it is not shown again", examples=["whsec_…"])


@router.get("/webhooks", summary="Who hears of discrepancies")
def list_webhooks(api: SharedApi, caller: Admin, site: SiteQuery = None) -> list[WebhookRead]:
    """By name."""
    seen = caller.site_of(site)
    with api.ledger.read() as tx:
        return [_read(tx, hook) for hook in webhooks.all_of(tx) if seen is None or hook.site == seen]


@router.post(
    "/webhooks", summary="Let a receiver hear of what happens from now on", status_code=HTTPStatus.CREATED, responses=documented(409)
)
def add_webhook(given: WebhookGiven, api: SharedApi, caller: Admin) -> WebhookMade:
    """Messages are signed as Standard Webhooks are; redirects are not followed."""
    secret = given.secret or new_secret()
    try:
        check_url(given.url)
        key_of(secret)
    except UsageError as error:
        raise InputError(str(error)) from error
    with api.ledger.begin() as tx:
        webhooks.add(tx, Webhook(given.name, given.url, secret, caller.site_of(given.site)))
    return WebhookMade(name=given.name, secret=secret)


@router.get("/webhooks/{name:name}", summary="One receiver, and what it has not taken yet", responses=documented(404))
def show_webhook(name: Name, api: SharedApi, caller: Admin) -> WebhookRead:
    """Without its secret."""
    with api.ledger.read() as tx:
        return _read(tx, _find(tx, name, caller))


@router.delete(
    "/webhooks/{name:name}",
    summary="Tell it nothing more, nor what it has not taken yet",
    status_code=HTTPStatus.NO_CONTENT,
    response_class=Response,
    responses=documented(404),
)
def remove_webhook(name: Name, api: SharedApi, caller: Admin) -> Response:
    """What was delivered stays so."""
    with api.ledger.begin() as tx:
        webhooks.remove(tx, _find(tx, name, caller).name)
    return Response(status_code=HTTPStatus.NO_CONTENT)


def _find(tx: sa.Connection, name: str, caller: Caller) -> Webhook:
    """A receiver that the token sees.

    Raises:
        RefusedError: there is none.
    """
    hook = webhooks.find(tx, name)
    if hook is None or caller.site not in (None, hook.site):
        raise RefusedError(HTTPStatus.NOT_FOUND, f"webhook {name[:80]!r}: there is none of that name")
    return hook


def _read(tx: sa.Connection, hook: Webhook) -> WebhookRead:
    return WebhookRead(name=hook.name, url=hook.url, site=hook.site, **vars(webhooks.backlog(tx, hook.name)))
