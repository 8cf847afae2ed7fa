"""The ledger's tables, as they are after the newest migration; SQLite and PostgreSQL. docs/ledger.md says what they are for.

What happened stands in tables that are only ever appended to: ``count_event``, ``gap``, ``expectation``, ``correction``, ``audit``,
``dead_letter``. What follows from it stands in views, which ``bintally wms replay`` makes anew: ``epoch``, ``sighting``, ``bin``,
``discrepancy``.

Retention takes facts away; what had followed from them stands in ``epoch_base`` and ``bin_base``, from which replay then begins.

Every transaction that adds counts or expectations of a site takes the site's next *turn* (``warehouse.ledger.turns``), so that facts of
different tables have one order: by turn, then by number. Live and replayed views see them in it.
"""

from __future__ import annotations

import sqlalchemy as sa

from warehouse.ledger.times import Utc

METADATA = sa.MetaData()
_SOURCE, _SITE, _BIN, _EVENT_ID, _NAME = sa.String(1300), sa.String(200), sa.String(255), sa.String(48), sa.String(200)
_TIME = Utc()
_JSON = sa.JSON(none_as_null=True)
OPEN_STATES = ("open", "recount")


def _turn() -> sa.Column[int]:
    return sa.Column("turn", sa.BigInteger, nullable=False, server_default="0", comment="of its site, in which it was taken in")


def _number() -> sa.Column[int]:
    # SQLite counts up by itself only where the type is exactly INTEGER
    return sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True)


COUNTS = sa.Table(
    "count_event",
    METADATA,
    _number(),
    sa.Column("source", _SOURCE, nullable=False, comment="{site}/{station}, percent-encoded"),
    sa.Column("event_id", _EVENT_ID, nullable=False, comment="{epoch}-{seq}"),
    sa.Column("site", _SITE, nullable=False),
    sa.Column("bin", _BIN, nullable=False),
    sa.Column("counted", sa.Integer),
    sa.Column("at_least", sa.Integer),
    sa.Column("unsure", sa.Boolean, nullable=False),
    sa.Column("confidence", sa.Float, nullable=False),
    sa.Column("probabilities", _JSON, comment="one for each count from 0, the last open; null in rows of version 0.1"),
    sa.Column("taken_at", _TIME, nullable=False),
    sa.Column("trigger", sa.String(20), nullable=False),
    sa.Column("frames", sa.Integer, nullable=False),
    sa.Column("file", sa.String(1024)),
    sa.Column("evidence", sa.String(255)),
    sa.Column("verification", _JSON, comment="what the station itself found against the quantity that it was told"),
    sa.Column("model", sa.String(200), nullable=False, comment="name and version"),
    sa.Column("model_digest", sa.String(64)),
    sa.Column("received_at", _TIME, nullable=False, server_default=sa.func.now()),
    _turn(),
    sa.UniqueConstraint("source", "event_id"),
    sa.Index("count_event_of_bin", "site", "bin", "number"),
    sa.Index("count_event_of_source", "source", "number"),
    sa.Index("count_event_received", "received_at"),
)
GAPS = sa.Table(
    "gap",
    METADATA,
    _number(),
    sa.Column("source", _SOURCE, nullable=False),
    sa.Column("event_id", _EVENT_ID, nullable=False),
    sa.Column("epoch", sa.String(22), nullable=False),
    sa.Column("first", sa.BigInteger, nullable=False),
    sa.Column("last", sa.BigInteger, nullable=False),
    sa.Column("reason", sa.String(20), nullable=False),
    sa.Column("received_at", _TIME, nullable=False, server_default=sa.func.now()),
    sa.UniqueConstraint("source", "event_id", "epoch", "first"),
)
EPOCHS = sa.Table(
    "epoch",
    METADATA,
    sa.Column("source", _SOURCE, primary_key=True),
    sa.Column("epoch", sa.String(22), primary_key=True),
    sa.Column("highest", sa.BigInteger, nullable=False, comment="the greatest seq that arrived"),
    sa.Column("held", sa.BigInteger, nullable=False, comment="events that arrived; highest - held are on their way, given up or lost"),
    sa.Column("last_at", _TIME, nullable=False, comment="when the newest arrived"),
)
EPOCH_BASES = sa.Table(
    "epoch_base",
    METADATA,
    sa.Column("source", _SOURCE, primary_key=True),
    sa.Column("epoch", sa.String(22), primary_key=True),
    sa.Column("highest", sa.BigInteger, nullable=False, comment="the greatest seq that retention took away"),
    sa.Column("held", sa.BigInteger, nullable=False, comment="how many events it took away"),
    sa.Column("last_at", _TIME, nullable=False, comment="when the newest of them had arrived"),
)
DEAD_LETTERS = sa.Table(
    "dead_letter",
    METADATA,
    sa.Column("digest", sa.String(64), primary_key=True, comment="SHA-256 of topic, NUL, payload: the same letter is kept once"),
    sa.Column("topic", sa.Text, nullable=False),
    sa.Column("payload", sa.LargeBinary, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("times", sa.BigInteger, nullable=False),
    sa.Column("first_at", _TIME, nullable=False),
    sa.Column("last_at", _TIME, nullable=False, index=True),
)
STATIONS = sa.Table(
    "station",
    METADATA,
    sa.Column("source", _SOURCE, primary_key=True),
    sa.Column("site", _SITE, nullable=False, index=True),
    sa.Column("station", _NAME, nullable=False),
    sa.Column("state", _JSON, comment="bintally.messages.State, the newest"),
    sa.Column("state_at", _TIME),
    sa.Column("health", _JSON, comment="bintally.messages.Health, the newest"),
    sa.Column("health_at", _TIME),
    sa.Column("counted_at", _TIME, comment="when its newest count was received"),
)
SITES = sa.Table(
    "site",
    METADATA,
    sa.Column("site", _SITE, primary_key=True),
    sa.Column("layout", sa.Text, comment="a layout file of docs/layouts.md, as it was imported"),
    sa.Column("wrong_share", sa.Float, comment="of this site's bins, before anything is counted; null: the default"),
    sa.Column("turn", sa.BigInteger, nullable=False, server_default="0", comment="the newest that was taken"),
)
PLACES = sa.Table(
    "place",
    METADATA,
    sa.Column("site", _SITE, primary_key=True),
    sa.Column("bin", _BIN, primary_key=True),
    sa.Column("zone", _NAME, nullable=False, server_default=""),
    sa.Column("aisle", sa.Integer, nullable=False),
    sa.Column("block", sa.Integer, nullable=False, server_default="0"),
    sa.Column("position_m", sa.Float, nullable=False, comment="from the block's first position"),
    sa.Index("place_of_zone", "site", "zone", "bin"),
)
EXPECTATIONS = sa.Table(
    "expectation",
    METADATA,
    _number(),
    sa.Column("site", _SITE, nullable=False),
    sa.Column("bin", _BIN, nullable=False),
    sa.Column("quantity", sa.Integer, comment="null: the books no longer speak of this bin"),
    sa.Column("article", _NAME),
    sa.Column("value", sa.Float, nullable=False, server_default="1", comment="what one item too many or too few costs"),
    sa.Column("at", _TIME, nullable=False, comment="from when on the books say so; counts from before do not speak of it"),
    sa.Column("origin", sa.String(20), nullable=False, comment="csv, http, api or correction"),
    sa.Column("by", _NAME, nullable=False),
    _turn(),
    sa.Index("expectation_of_bin", "site", "bin", "number"),
)
CORRECTIONS = sa.Table(
    "correction",
    METADATA,
    _number(),
    sa.Column("site", _SITE, nullable=False),
    sa.Column("bin", _BIN, nullable=False),
    sa.Column("quantity", sa.Integer, nullable=False, comment="what somebody found in the bin"),
    sa.Column("by", _NAME, nullable=False),
    sa.Column("at", _TIME, nullable=False),
    sa.Column("origin", sa.String(20), nullable=False, comment="page, api, recount or station"),
    sa.Column("key", sa.String(400), nullable=False, unique=True, comment="names it once and for all, whatever is sent again"),
    sa.Column("source", _SOURCE, comment="with event_id: the count that it speaks of"),
    sa.Column("event_id", _EVENT_ID),
    sa.Index("correction_of_bin", "site", "bin", "number"),
)
SIGHTINGS = sa.Table(
    "sighting",
    METADATA,
    sa.Column("site", _SITE, primary_key=True),
    sa.Column("bin", _BIN, primary_key=True),
    sa.Column("source", _SOURCE, primary_key=True, comment="a station that has counted this bin, and is told what the books expect"),
)
BINS = sa.Table(
    "bin",
    METADATA,
    sa.Column("site", _SITE, primary_key=True),
    sa.Column("bin", _BIN, primary_key=True),
    # the newest count, by taken_at
    sa.Column("source", _SOURCE),
    sa.Column("event_id", _EVENT_ID),
    sa.Column("counted", sa.Integer),
    sa.Column("at_least", sa.Integer),
    sa.Column("unsure", sa.Boolean),
    sa.Column("confidence", sa.Float),
    sa.Column("taken_at", _TIME),
    sa.Column("evidence", sa.String(255)),
    sa.Column("model", sa.String(200)),
    # what the books say
    sa.Column("booked", sa.Integer, comment="what they said themselves, before any correction"),
    sa.Column("booked_at", _TIME),
    sa.Column("expected", sa.Integer, comment="booked, or corrected since then"),
    sa.Column("expected_at", _TIME),
    sa.Column("article", _NAME),
    sa.Column("value", sa.Float, nullable=False, server_default="1"),
    # what follows: warehouse.discrepancies.belief
    sa.Column("belief", _JSON, comment="the state of warehouse.discrepancies.belief.Belief; null: nothing was counted"),
    sa.Column("likely", sa.Integer, comment="the most probable quantity; for the open class its lower bound"),
    sa.Column("p_wrong", sa.Float, comment="that the books are wrong about this bin; null where they say nothing"),
    sa.Column("cost", sa.Float, nullable=False, server_default="0", comment="expected cost of the error, in units of value"),
    sa.Index("bin_by_article", "site", "article"),
    sa.Index("bin_by_cost", "site", "cost", "bin"),
)
BIN_BASES = sa.Table(
    "bin_base",
    METADATA,
    sa.Column("site", _SITE, primary_key=True),
    sa.Column("bin", _BIN, primary_key=True),
    sa.Column("turn", sa.BigInteger, nullable=False, comment="the site's newest then; facts with a later one follow"),
    sa.Column("view", _JSON, nullable=False, comment="the columns of bin, as retention found them"),
)
DISCREPANCIES = sa.Table(
    "discrepancy",
    METADATA,
    _number(),
    sa.Column("site", _SITE, nullable=False),
    sa.Column("bin", _BIN, nullable=False),
    sa.Column("kind", sa.String(20), nullable=False, comment="mismatch: an alarm; unsure: somebody should look"),
    sa.Column("state", sa.String(20), nullable=False, comment="open, recount or settled"),
    sa.Column("expected", sa.Integer),
    sa.Column("likely", sa.Integer),
    sa.Column("p_wrong", sa.Float, nullable=False),
    sa.Column("cost", sa.Float, nullable=False),
    sa.Column("source", _SOURCE, comment="with event_id: the count that shows it best, whose evidence is shown"),
    sa.Column("event_id", _EVENT_ID),
    sa.Column("opened_at", _TIME, nullable=False),
    sa.Column("changed_at", _TIME, nullable=False),
    sa.Column("assigned_to", _NAME, comment="who goes to look"),
    sa.Column("settled_by", _NAME, comment="a person, or 'counts', or 'books'"),
    sa.Column("outcome", sa.String(20), comment="books wrong, books right, counted away, or superseded"),
    sa.Column("found", sa.Integer, comment="the quantity that somebody found"),
    sa.Index(
        "discrepancy_open",
        "site",
        "bin",
        unique=True,
        sqlite_where=sa.text("state <> 'settled'"),
        postgresql_where=sa.text("state <> 'settled'"),
    ),
    sa.Index("discrepancy_changed", "changed_at"),
)
AUDIT = sa.Table(
    "audit",
    METADATA,
    _number(),
    sa.Column("at", _TIME, nullable=False),
    sa.Column("who", _NAME, nullable=False),
    sa.Column("what", sa.String(40), nullable=False),
    sa.Column("discrepancy", sa.BigInteger, index=True),
    sa.Column("detail", sa.Text, nullable=False),
)
DELIVERIES = sa.Table(
    "delivery",
    METADATA,
    _number(),
    sa.Column("kind", sa.String(20), nullable=False, comment="discrepancy or expected: MQTT; webhook: HTTP"),
    sa.Column("target", sa.Text, nullable=False, comment="topic, or name of the webhook"),
    sa.Column("payload", sa.Text, nullable=False, comment="empty: the retained message is deleted"),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("next_at", _TIME, nullable=False),
    sa.Column("error", sa.Text),
    sa.Index("delivery_next", "kind", "next_at"),
    sa.Index("delivery_of_target", "kind", "target", "number"),
)
WEBHOOKS = sa.Table(
    "webhook",
    METADATA,
    sa.Column("name", _NAME, primary_key=True),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("secret", sa.Text, nullable=False, comment="needed in clear to sign with"),
    sa.Column("site", _SITE, comment="null: all sites"),
)
TOKENS = sa.Table(
    "token",
    METADATA,
    sa.Column("name", _NAME, primary_key=True),
    sa.Column("hash", sa.String(64), nullable=False, unique=True, comment="SHA-256 of the token"),
    sa.Column("scopes", _JSON, nullable=False),
    sa.Column("site", _SITE, comment="null: all sites"),
    sa.Column("station", _NAME, comment="of an agent's token for evidence"),
    sa.Column("created_at", _TIME, nullable=False),
    sa.Column("expires_at", _TIME),
)
