"""What the routes give and take: the ledger's own words, with examples."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from bintally.messages.base import Quantity, Share
from bintally.messages.discrepancy import DiscrepancyKind, DiscrepancyState, Outcome
from bintally.topics import encode
from warehouse.api.names import BinName, Name
from warehouse.ledger.audit import Line, from_text
from warehouse.ledger.bins import Bin
from warehouse.ledger.cases import Listed
from warehouse.ledger.counts import Count

_Read = TypeVar("_Read", bound=BaseModel)
Person = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")]
"""Who did something, or is to."""
_SOURCE = Field(description="site and station, percent-encoded; with id it names the count once and for all", examples=["berlin/pick-3"])
_PICTURE = Field(
    description="where the picture is, once the station has brought it; null: none was kept",
    examples=["/evidence/berlin/pick-3/0193a5b2c4d6e8f0a1b2c3-17.jpg"],
)


class Given(BaseModel):
    """Base of bodies: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class CountRead(BaseModel):
    """One count of one bin."""

    source: str = _SOURCE
    id: str = Field(examples=["0193a5b2c4d6e8f0a1b2c3-17"])
    site: str = Field(examples=["berlin"])
    bin: str = Field(examples=["A-17"])
    counted: int | None = Field(description="null when unsure or when at_least says it", examples=[4])
    at_least: int | None = Field(description="lower bound where the counter's open class was decided", examples=[None])
    unsure: bool = Field(examples=[False])
    confidence: Share = Field(description="probability of the most probable class", examples=[0.97])
    probabilities: list[float] | None = Field(
        description="one for each count from 0, the last for that many or more", examples=[[0, 0, 0, 0.02, 0.97, 0.01, 0]]
    )
    taken_at: datetime
    received_at: datetime
    trigger: str = Field(description="why it was counted", examples=["settled"])
    model: str = Field(description="which bundle counted", examples=["bin-counter 1.0.0"])
    picture: str | None = _PICTURE


class PlaceRead(BaseModel):
    """Where a bin is; docs/layouts.md says how aisles, blocks and positions are counted."""

    zone: str = Field(examples=["chilled"])
    aisle: int = Field(examples=[3])
    block: int = Field(examples=[0])
    position_m: float = Field(description="from the block's first position", examples=[12.5])


class BinRead(BaseModel):
    """A bin as it stands."""

    site: str = Field(examples=["berlin"])
    bin: str = Field(examples=["A-17"])
    article: str | None = Field(examples=["4006381333931"])
    value: float = Field(description="what one item too many or too few costs", examples=[2.5])
    expected: int | None = Field(description="what the books are held to; null: nothing", examples=[5])
    expected_at: datetime | None = Field(description="since when")
    counted: int | None = Field(description="the newest count's answer", examples=[4])
    at_least: int | None = Field(examples=[None])
    unsure: bool | None = Field(examples=[False])
    confidence: float | None = Field(examples=[0.97])
    taken_at: datetime | None = Field(description="when the newest count was taken; null: it was never counted")
    source: str | None = _SOURCE
    id: str | None = Field(examples=["0193a5b2c4d6e8f0a1b2c3-17"])
    picture: str | None = _PICTURE
    likely: int | None = Field(description="the most probable quantity, by all counts and the books", examples=[4])
    p_wrong: float | None = Field(
        description="probability that the books are wrong; null where they or the counts say nothing", examples=[0.93]
    )
    cost: float = Field(description="expected cost of the error", examples=[2.4])
    place: PlaceRead | None
    discrepancy: int | None = Field(description="number of the one that is not settled", examples=[12])
    state: DiscrepancyState | None = Field(description="of it", examples=["open"])
    kind: DiscrepancyKind | None = Field(examples=["mismatch"])


class BinHistory(BaseModel):
    """A bin, and its newest counts."""

    bin: BinRead
    counts: list[CountRead] = Field(description="the newest first; GET /v1/counts has the others")


class DiscrepancyRead(BaseModel):
    """A bin whose books are wrong, or may be."""

    number: int = Field(examples=[12])
    site: str = Field(examples=["berlin"])
    bin: str = Field(examples=["A-17"])
    kind: DiscrepancyKind = Field(description="mismatch: an alarm; unsure: a task, somebody should look")
    state: DiscrepancyState = Field(description="open; recount: somebody goes to look; settled: it is over")
    expected: int | None = Field(examples=[5])
    likely: int | None = Field(description="the most probable quantity", examples=[4])
    p_wrong: Share = Field(examples=[0.93])
    cost: float = Field(description="expected cost of the error", examples=[2.4])
    opened_at: datetime
    changed_at: datetime
    assigned_to: str | None = Field(description="who goes to look", examples=["ann"])
    settled_by: str | None = Field(description="a person, or 'counts', or 'books'", examples=["ann"])
    outcome: Outcome | None
    found: int | None = Field(description="the quantity that somebody found", examples=[4])
    article: str | None = Field(examples=["4006381333931"])
    place: PlaceRead | None
    source: str | None = _SOURCE
    id: str | None = Field(description="of the count that shows it best", examples=["0193a5b2c4d6e8f0a1b2c3-17"])
    picture: str | None = _PICTURE


class AuditRead(BaseModel):
    """A step of a discrepancy."""

    at: datetime
    who: str = Field(description="a person, 'counts', or 'books'", examples=["ann (wms)"])
    what: str = Field(examples=["assigned"])
    changed: dict[str, Any] = Field(
        description="fields, and what they are from then on", examples=[{"assigned_to": "ann", "state": "recount"}]
    )


class DiscrepancyHistory(BaseModel):
    """A discrepancy, and all that happened to it."""

    discrepancy: DiscrepancyRead
    audit: list[AuditRead] = Field(description="the oldest first")


class RecountGiven(Given):
    """Who goes to look."""

    to: Person = Field(examples=["ann"])


class FoundGiven(Given):
    """What somebody found in a bin."""

    quantity: Quantity = Field(examples=[4])
    by: Person | None = Field(None, description="who found it; by default the token's name", examples=["ann"])


class CorrectionGiven(FoundGiven):
    """What somebody found in a bin, whether a discrepancy was open or not."""

    site: Name = Field(examples=["berlin"])
    bin: BinName = Field(examples=["A-17"])
    at: AwareDatetime | None = Field(None, description="when they looked; by default now", examples=["2026-11-22T08:30:00Z"])


class CorrectionRead(BaseModel):
    """What became of a correction."""

    recorded: bool = Field(description="false: this very correction was recorded before, under the same key")


class ImportedRead(BaseModel):
    """What became of an import's rows."""

    changed: int = Field(description="the books say something else than before", examples=[10])
    same: int = Field(description="they say what they said before", examples=[99_990])
    late: int = Field(description="they said something newer already", examples=[0])


class PlacesRead(BaseModel):
    """What became of imported places."""

    placed: int = Field(examples=[1200])


def picture_of(source: str | None, evidence: str | None) -> str | None:
    """The address of a count's picture; None where none was kept."""
    return None if source is None or evidence is None else f"/evidence/{source}/{encode(evidence)}.jpg"


def count_read(count: Count) -> CountRead:
    """A count for who reads it."""
    return _read(CountRead, count, id=count.event_id, picture=picture_of(count.source, count.evidence))


def bin_read(found: Bin) -> BinRead:
    """A bin for who reads it."""
    view, case = found.view, found.case
    return _read(
        BinRead,
        view,
        id=view.event_id,
        picture=picture_of(view.source, view.evidence),
        place=None if found.place is None else _read(PlaceRead, found.place),
        discrepancy=case and case.number,
        state=case and case.state,
        kind=case and case.kind,
    )


def discrepancy_read(found: Listed) -> DiscrepancyRead:
    """A discrepancy for who reads it."""
    case = found.case
    return _read(
        DiscrepancyRead,
        case,
        id=case.event_id,
        article=found.article,
        place=None if found.place is None else _read(PlaceRead, found.place),
        picture=picture_of(case.source, found.evidence),
    )


def audit_read(line: Line) -> AuditRead:
    """A line of a discrepancy's log for who reads it."""
    return _read(AuditRead, line, changed=from_text(line.detail))


def _read(model: type[_Read], row: Any, **more: Any) -> _Read:
    """The fields that a row has by the same names, and more."""
    return model(**{name: getattr(row, name) for name in model.model_fields if name not in more}, **more)
