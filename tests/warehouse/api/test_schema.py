"""Whatever a client makes of the OpenAPI document: no answer is an error of ours, and each one is as the document says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext, suppress
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.result import Ok

from tests.warehouse.api.asking import Asking
from tests.warehouse.api.conftest import DATABASES, asking

FEW, MANY = 2, 50
TOO_STRICT = {"positive_data_acceptance"}
"""A cursor, a time to come, a bin named twice: what a schema cannot say is refused nevertheless."""
OF_FILES = {"negative_data_rejection"}
"""What is no text or picture becomes one on its way here, so nothing of it need be wrong."""
SLOW = ("/v1/pick-lists", "/v1/recount-tours")
"""What plans is compiled first."""
load_all_checks()


@schemathesis.serializer("application/toml", "image/jpeg")
def as_it_is(_: object, value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


@pytest.fixture(scope="module", params=DATABASES)
def described(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    with asking(request, request.param, tmp_path_factory.mktemp("schema")) as found:
        yield found


def name_of(check: Any) -> str:
    return str(check.__name__)


def drive(api: Asking, examples: int, *without: str) -> int:
    """Ask every operation so often with data that fit the document, and as often with data that do not; how many requests."""
    schema, asked = schemathesis.openapi.from_asgi("/openapi.json", api.app).exclude(path=list(without)), 0
    headers = {"Authorization": f"Bearer {api.token('admin', name='schema')}"}
    for found in schema.get_all_operations():
        operation = found.ok() if isinstance(found, Ok) else pytest.fail(f"the document is wrong: {found.err()}")
        for mode in GenerationMode:

            @seed(7)
            @settings(
                max_examples=examples,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
                phases=[Phase.explicit, Phase.generate],
            )
            @given(case=operation.as_strategy(generation_mode=mode))
            def check(case: Case[Any]) -> None:
                nonlocal asked
                if isinstance(case.body, dict) and isinstance(seconds := case.body.get("seconds"), int | float):
                    case.body["seconds"] = min(seconds, 0.1)  # nobody waits for the best lists here
                left_out = TOO_STRICT | (OF_FILES if case.media_type not in (None, "application/json") else set())
                case.call_and_validate(headers=headers, excluded_checks=[check for check in CHECKS.get_all() if name_of(check) in left_out])  # type: ignore[misc]  # it takes each of them
                asked += 1

            # of an operation that takes nothing, nothing can be wrong
            with suppress(Unsatisfiable) if mode is GenerationMode.NEGATIVE else nullcontext():
                check()
    return asked


def test_a_few_requests_of_each_kind_are_answered_as_the_document_says(described: Asking) -> None:
    assert drive(described, FEW, *SLOW) > 50


@pytest.mark.long
def test_thousands_of_requests_are_answered_as_the_document_says(described: Asking) -> None:
    assert drive(described, MANY) > 1000
