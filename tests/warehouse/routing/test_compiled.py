import pytest
from numba.core.caching import CacheImpl

from warehouse.routing.compiled import compiled


def test_a_read_only_installation_compiles_without_a_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CacheImpl, "_locator_classes", [])

    def double(number: int) -> int:
        return 2 * number

    assert compiled(double)(21) == 42
