"""A ledger of each kind."""

from tests.warehouse.ledger.conftest import _fast_database, _migrated, _template, ledger, postgres, url

__all__ = ["_fast_database", "_migrated", "_template", "ledger", "postgres", "url"]
