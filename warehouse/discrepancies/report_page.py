"""The daily report as one HTML file: opens offline, reads on a handheld, prints well (pure)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from bintally.pages.html import Content, Html, join, tag
from warehouse.discrepancies.rates import FEWEST_DRAWN, Share
from warehouse.discrepancies.report import Found, Report, SiteRates, StationDay, Zone

SILENT_S = 900.0
_UNSURE_SHARE, _FEWEST_COUNTS = 0.3, 20
_MOST_OPEN, _MOST_STATIONS = 100, 50
_STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --paper: #fff; --soft: #5b6675; --line: #d9dee5; --bad: #b3261e; --bar: #c9d6ea }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaf0; --paper: #14181f; --soft: #9aa5b4; --line: #333c49; --bad: #ff8a80; --bar: #2f4568 } }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 1rem; max-width: 60rem; font: 1rem/1.45 system-ui, sans-serif; color: var(--ink); background: var(--paper) }
h1 { font-size: 1.5rem; margin: 0 } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem }
p { margin: .3rem 0 } .soft { color: var(--soft) } .bad { color: var(--bad); font-weight: 600 }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(8rem, 1fr)); gap: .6rem; margin: 1rem 0 }
dl div { border: 1px solid var(--line); border-radius: .4rem; padding: .5rem .7rem }
dt { color: var(--soft); font-size: .85rem } dd { margin: 0; font-size: 1.5rem; font-variant-numeric: tabular-nums }
.wide { overflow-x: auto } table { border-collapse: collapse; width: 100%; font-size: .92rem }
th, td { text-align: left; padding: .3rem .5rem; border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere }
th { color: var(--soft); font-weight: 600; overflow-wrap: normal } .num { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
@media (max-width: 40rem) { .more { display: none } body { padding: .7rem } th, td { padding: .3rem .3rem } }
@media print { :root { --ink: #000; --paper: #fff; --soft: #444; --line: #999; --bad: #000 } body { max-width: none; padding: 0; font-size: 10pt }
  tr, dl div { break-inside: avoid } h2 { break-after: avoid } thead { display: table-header-group } .wide { overflow: visible } }
"""


def to_html(report: Report) -> str:
    """The whole page."""
    title = f"Discrepancies on {report.day.isoformat()}"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", title),
        tag("style", Html(_STYLE)),
    )
    body = tag(
        "body", tag("h1", title), _heading(report), _figures(report), _open(report), _zones(report), _rates(report), _stations(report)
    )
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def _heading(report: Report) -> Html:
    made = report.made_at.astimezone(report.zone)
    early = made < report.begin
    unfinished = report.end == report.made_at
    text = "the day has not begun" if early else f"the day is not over: up to {made:%H:%M}" if unfinished else "the whole day"
    return tag("p", f"{text} ({report.zone}); made {made:%Y-%m-%d %H:%M}", class_="soft")


def _figures(report: Report) -> Html:
    left, opened = report.open_by_cost(), report.opened()
    alarms = sum(one.kind == "mismatch" for one in left)
    facts: list[tuple[str, Content]] = [
        ("opened", len(opened)),
        ("settled", len(report.settled())),
        ("open alarms", alarms),
        ("open, unsure", len(left) - alarms),
        ("expected cost", f"{sum(one.cost for one in left):,.2f}"),
    ]
    outcomes = ", ".join(f"{number} {outcome}" for outcome, number in report.outcomes().items())
    figures = tag("dl", [tag("div", tag("dt", name), tag("dd", value)) for name, value in facts])
    return join([figures, tag("p", f"Settled: {outcomes}.") if outcomes else None])


def _open(report: Report) -> Html:
    left = report.open_by_cost()
    if not left:
        return join([tag("h2", "Open"), tag("p", "Nothing is open.", class_="soft")])
    more = (
        tag("p", f"and {len(left) - _MOST_OPEN:,} more that cost less; the CSV has them all", class_="soft")
        if len(left) > _MOST_OPEN
        else None
    )
    heading = (
        "Bin",
        "Zone",
        ("Books", "num"),
        ("Likely", "num"),
        ("Wrong", "num"),
        ("Cost", "num"),
        ("Since", "more"),
        ("Goes to look", "more"),
    )
    return join([tag("h2", "Open, the costliest first"), _table(heading, (_open_row(one, report) for one in left[:_MOST_OPEN])), more])


def _open_row(one: Found, report: Report) -> list[Content]:
    kind = None if one.kind == "mismatch" else join([" ", tag("span", one.kind, class_="soft")])
    return [
        join([one.bin, kind]),
        one.zone or "–",
        _number(one.expected),
        _number(one.likely),
        f"{one.p_wrong:.0%}",
        f"{one.cost:,.2f}",
        _clock(one.opened_at, report),
        one.assigned_to or "–",
    ]


def _zones(report: Report) -> Html:
    zones = report.by_zone()
    if not zones:
        return join([])
    several = len({zone.site for zone in zones}) > 1
    heading = ("Zone", ("Opened", "num"), ("Settled", "num"), ("Open", "num"), ("Cost", "num"))
    return join([tag("h2", "By zone"), _table(heading, (_zone_row(zone, several) for zone in zones))])


def _zone_row(zone: Zone, several: bool) -> list[Content]:
    name = zone.zone or "no zone"
    return [f"{zone.site}, {name}" if several else name, zone.opened, zone.settled, zone.open, f"{zone.cost:,.2f}"]


def _rates(report: Report) -> Html:
    return join(
        [tag("h2", "How far the alarms can be trusted"), [_site_rates(one) for one in report.rates] or tag("p", "No bin has books yet.")]
    )


def _site_rates(one: SiteRates) -> Html:
    known = [
        f"False alarms: {_share(one.rates.false_alarms)}, from the {one.looked} of {one.alarms} alarms that somebody looked into.",
        f"Wrong bins that had no alarm: {_share(one.rates.missed)}." if one.rates.missed else None,
        f"Wrong bins among all: {_share(one.rates.wrong_share)}; the ledger reckons with {one.assumed:.1%}."
        if one.rates.wrong_share
        else None,
    ]
    lacking = (
        None
        if one.drawn >= FEWEST_DRAWN
        else f"{one.drawn} bins without an alarm were drawn and looked into. What alarms miss shows only there: "
        f"«bintally wms rates --draw {FEWEST_DRAWN} --site {one.site}» draws some."
    )
    title = tag("p", tag("strong", one.site), f", the last {one.days} days")
    return join([title, [tag("p", text) for text in known if text], tag("p", lacking, class_="soft") if lacking else None])


def _stations(report: Report) -> Html:
    silent, unsure = report.silent(SILENT_S), report.often_unsure(_UNSURE_SHARE, _FEWEST_COUNTS)
    counted = sum(one.counts for one in report.stations)
    said = tag("p", f"{len(report.stations)} stations, {counted:,} counts.")
    quiet = _named("Silent", silent, lambda one: f"last heard {_clock(one.heard_at, report)}" if one.heard_at else "never heard")
    doubt = _named("Often unsure", unsure, lambda one: f"{one.unsure / one.counts:.0%} of {one.counts:,} counts")
    return join([tag("h2", "Stations"), said, quiet, doubt])


def _named(title: str, stations: Sequence[StationDay], tell: Callable[[StationDay], str]) -> Html:
    if not stations:
        return tag("p", f"{title}: none.", class_="soft")
    more = [tag("p", f"and {len(stations) - _MOST_STATIONS} more")] if len(stations) > _MOST_STATIONS else []
    rows = ([f"{one.site}/{one.station}", tell(one)] for one in stations[:_MOST_STATIONS])
    return join([tag("p", f"{title}: {len(stations)}", class_="bad"), _table(("Station", ""), rows), more])


def _table(heading: Sequence[str | tuple[str, str]], rows: Iterable[Sequence[Content]]) -> Html:
    columns = [one if isinstance(one, tuple) else (one, None) for one in heading]
    head = tag("thead", tag("tr", [tag("th", name, class_=kind) for name, kind in columns]))
    body = [tag("tr", [tag("td", cell, class_=kind) for cell, (_, kind) in zip(row, columns, strict=True)]) for row in rows]
    return tag("div", tag("table", head, tag("tbody", body)), class_="wide")


def _share(share: Share | None) -> str:
    return "not known" if share is None else share.words()


def _number(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


def _clock(at: datetime, report: Report) -> str:
    here = at.astimezone(report.zone)
    return f"{here:%H:%M}" if here.date() == report.day else f"{here:%Y-%m-%d %H:%M}"
