"""What the warehouse says of a bin whose books are wrong, or may be: a CloudEvent at each step of a discrepancy.

It leaves over MQTT, on the site's ``discrepancy`` topic, and to webhooks. Steps of one discrepancy may overtake each other on the
way to a webhook: the one with the greatest ``changed_at`` holds.

Source: CloudEvents 1.0.2, section 3.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, TypeAdapter

from bintally.messages.base import BinName, Epoch, Message, Quantity, Share, read
from bintally.messages.events import EventId, Source

DiscrepancyKind = Literal["mismatch", "unsure"]
DiscrepancyState = Literal["open", "recount", "settled"]
Outcome = Literal["books wrong", "books right", "counted away", "superseded"]
Name = Annotated[str, Field(min_length=1, max_length=200)]


class CountName(Message):
    """Which count: ``(source, id)`` names it once and for all."""

    source: Source
    id: EventId


class DiscrepancyData(Message):
    """A discrepancy as it stands after the step."""

    site: Name
    bin: BinName
    number: int = Field(ge=1, description="names the discrepancy in this ledger")
    kind: DiscrepancyKind = Field(description="mismatch: an alarm; unsure: a task, somebody should look")
    state: DiscrepancyState = Field(description="open; recount: somebody goes to look; settled: it is over")
    expected: Quantity | None = Field(description="what the books say; null where they no longer speak of the bin")
    likely: Quantity | None = Field(description="the most probable quantity; of the counter's open class its lower bound")
    p_wrong: Share = Field(description="probability that the books are wrong about this bin")
    cost: float = Field(ge=0, allow_inf_nan=False, description="expected cost of the error, in units of the article's value")
    opened_at: AwareDatetime
    changed_at: AwareDatetime
    assigned_to: Name | None = Field(None, description="who goes to look")
    settled_by: Name | None = Field(None, description="a person, or 'counts', or 'books'")
    outcome: Outcome | None = Field(None, description="how it was settled; null before")
    found: Quantity | None = Field(None, description="the quantity that somebody found in the bin")
    count: CountName | None = Field(None, description="the count that shows it best; its evidence is the picture to look at")


class DiscrepancyEvent(Message):
    """A step of a discrepancy: it was opened, changed, or settled."""

    specversion: Literal["1.0"] = "1.0"
    type: Literal["bintally.discrepancy.v1"] = "bintally.discrepancy.v1"
    source: Literal["warehouse"] = "warehouse"
    id: Epoch = Field(description="new for each step; the same when the step is delivered again")
    subject: BinName = Field(description="the bin")
    time: AwareDatetime
    datacontenttype: Literal["application/json"] = "application/json"
    data: DiscrepancyData


_DISCREPANCY = TypeAdapter(DiscrepancyEvent)


def parse_discrepancy(payload: bytes) -> DiscrepancyEvent:
    """Read a step of a discrepancy.

    Raises:
        InputError: the payload is not one; says which field is wrong.
    """
    return read(_DISCREPANCY, payload, "DiscrepancyEvent")
