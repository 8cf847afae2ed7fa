"""The ledger's figures as Prometheus reads them (pure).

Source:
    Prometheus exposition formats, text format 0.0.4.
"""

from __future__ import annotations

from collections.abc import Iterable

from warehouse.ledger.operations import Figures

Samples = Iterable[tuple[str, float]]
"""Labels, and a value."""


def as_text(figures: Figures, evidence_bytes: int | None) -> str:
    """The figures' exposition.

    Args:
        figures: of the ledger.
        evidence_bytes: of all pictures; None: none are kept.
    """
    counted_at = figures.counted_at
    open_ = [(f'{{kind="{kind}",state="{state}"}}', number) for (kind, state), number in sorted(figures.discrepancies.items())]
    metrics: list[tuple[str, str, str, Samples]] = [
        ("events_received_total", "counter", "events in the ledger, each once", _one(figures.received)),
        ("events_missing", "gauge", "events on their way, given up, or lost", _one(figures.missing)),
        ("dead_letters_total", "counter", "messages that could not be read", _one(figures.dead_letters)),
        ("deliveries_waiting", "gauge", "that have not left yet", _by_kind(figures.waiting)),
        ("deliveries_failing", "gauge", "those of them that were tried without success", _by_kind(figures.failing)),
        ("discrepancies_open", "gauge", "that are not settled", open_),
        ("stations", "gauge", "that ever said something", _one(figures.stations)),
        (
            "newest_count_seconds",
            "gauge",
            "Unix time when the newest count was received",
            _maybe(None if counted_at is None else counted_at.timestamp()),
        ),
        ("evidence_bytes", "gauge", "of all pictures", _maybe(evidence_bytes)),
    ]
    return "".join(_metric(f"bintally_{name}", kind, text, samples) for name, kind, text, samples in metrics)


def _metric(name: str, kind: str, text: str, samples: Samples) -> str:
    lines = [f"# HELP {name} {text}", f"# TYPE {name} {kind}", *(f"{name}{labels} {value}" for labels, value in samples)]
    return "\n".join(lines) + "\n"


def _one(value: float) -> Samples:
    return [("", value)]


def _maybe(value: float | None) -> Samples:
    return [] if value is None else [("", value)]


def _by_kind(numbers: dict[str, int]) -> Samples:
    # kinds of which none waits are told, too: an alert on a series that comes and goes sees nothing
    return [(f'{{kind="{kind}"}}', numbers.get(kind, 0)) for kind in ("discrepancy", "expected", "webhook")]
