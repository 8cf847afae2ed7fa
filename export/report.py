"""What an export made and how it was judged, as one HTML page that opens without a network."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from bintally.files import write_atomically
from export.bundle import Exported
from export.settings import ExportSettings
from trainer.evaluation.metrics import MAX_COUNT
from trainer.evaluation.words import share
from trainer.network.checkpoint import source_commit


def write_report(path: Path, exported: Exported, settings: ExportSettings, today: str) -> None:
    """Write the page.

    Args:
        path: where to.
        exported: what it tells.
        settings: of the export.
        today: the date, for the reader.

    Raises:
        UnavailableError: it cannot be written.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["share"] = share
    template = environment.from_string(files("export").joinpath("report.html.j2").read_text(encoding="utf-8"))
    page = template.render(
        source=exported.source,
        names=[Path(one.source).name for one in exported.source.data],
        lengths=exported.source.lengths,
        judged=exported.judged,
        quantized=[one for one in exported.judged if one.target.arithmetic],
        failed=[one for one in exported.judged if one.failed],
        settings=settings,
        commit=source_commit(),
        top=MAX_COUNT,
        today=today,
    )
    write_atomically(path, page)
