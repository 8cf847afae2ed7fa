"""The application: the door, the bounds, the routes, and what their errors look like."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

from fastapi import Depends, FastAPI

from bintally import __version__
from bintally.messages.base import utc_now
from warehouse.api.answers import add_handlers
from warehouse.api.bodies import Bounded
from warehouse.api.deps import Api, known_query
from warehouse.api.document import Described, operation_id
from warehouse.api.door import Door, Keys
from warehouse.api.evidence.files import Files
from warehouse.api.evidence.retention import Sweeper
from warehouse.api.names import Undecoded
from warehouse.api.routes import bins, books, counts, discrepancies, evidence, operations, report, walks, webhooks
from warehouse.api.settings import Settings
from warehouse.discrepancies.rules import Rules
from warehouse.ledger import Ledger

_DESCRIPTION = """What the stations counted, what the books say, and who goes to look.

A token goes with every request: `Authorization: Bearer …`; `bintally wms token add` makes one. A token of a site sees that site only.
Errors are problem details (RFC 9457). Lists come in pages: `Link: <…>; rel="next"` leads to the next one.
In paths, each name is percent-encoded as one level: the bin `A/17` is `A%2F17`."""


def make_app(
    ledger: Ledger, settings: Settings, clock: Callable[[], float] = time.monotonic, now: Callable[[], datetime] = utc_now
) -> FastAPI:
    """The application.

    Args:
        ledger: is asked and told.
        settings: limits, and where pictures go.
        clock: gives monotonic seconds.
        now: gives the time of day, aware, UTC.

    Raises:
        UnavailableError: the folder for pictures cannot be used.
    """
    files = None if settings.evidence is None else Files(settings.evidence, settings.evidence_bytes, settings.picture_bytes)
    sweeper = None if files is None else Sweeper(files, ledger, settings.evidence_days, lambda: now().timestamp())

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        if sweeper is not None:
            sweeper.start()
        yield
        if sweeper is not None:
            sweeper.close()

    app = Described(
        title="bintally",
        version=__version__,
        description=_DESCRIPTION,
        lifespan=life,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=operation_id,
    )
    app.state.api = Api(ledger, settings, files, Rules(), now)
    add_handlers(app)
    for module in (counts, bins, discrepancies, books, walks, report, webhooks, evidence, operations):
        app.include_router(module.router, dependencies=[Depends(known_query)])
    # the last one added is the outermost
    app.add_middleware(Bounded, settings=settings)
    app.add_middleware(Door, keys=Keys(ledger, now), settings=settings, clock=clock)
    app.add_middleware(Undecoded)
    return app
