"""The API's ledgers of two sites, in each database."""

from tests.fakes.postgres import postgres
from tests.warehouse.api.conftest import api, lite, postgres_template, sqlite_template

__all__ = ["api", "lite", "postgres", "postgres_template", "sqlite_template"]
