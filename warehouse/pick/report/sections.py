"""What was measured, as sections of the page (pure); the second seed system's figures stand beside ours, marked as theirs."""

from __future__ import annotations

from collections.abc import Sequence

from bintally.travel_time.manifest import HeldOut
from warehouse.pick.bench.estimator import AtOnce, Beside, Scores
from warehouse.pick.bench.two_lists import ITEMS, LISTS, LONGER, Trial
from warehouse.pick.bench.two_lists import ORDERS as ANNEALED
from warehouse.pick.report import theirs
from warehouse.pick.report.annealing import Annealing
from warehouse.pick.report.errors import Errors
from warehouse.pick.report.page import Picture, Section, Table
from warehouse.pick.report.splits import ORDERS, Splits
from warehouse.pick.report.training import Training

TABLE_1, TABLE_2 = "Table 1: training time", "Table 2: forward times"
FIGURES_3_4 = "Figures 3 and 4: ten orders, split at random and split best"
FIGURE_6, FIGURE_7 = "Figure 6: relative error", "Figure 7: improvement during annealing"
_NONE = "–"


def table_1(runs: Sequence[Training]) -> Section:
    """Training times; with no runs, a section that says so."""
    if not runs:
        text = "Left out: no run was given. --run names the folder of one of «bintally train --task travel-time», which records its times."
        return Section(TABLE_1, text, left_out=True)
    missing = [name for name, gpu in (("a processor", False), ("a GPU", True)) if all(run.on_gpu != gpu for run in runs)]
    lacking = "".join(f" None of them was on {name}, so there is no time of one." for name in missing)
    headings = ("run", "on", "epochs", "lists passed", "time, min", "a million examples, s", "validation error, %")
    rows = [
        (
            run.run,
            run.device,
            str(run.epochs),
            f"{run.lists:,}",
            f"{run.seconds / 60:.1f}",
            f"{run.million_s:,.1f}",
            f"{run.error * 100:.3f}",
        )
        for run in runs
    ]
    text = f"As the runs themselves have recorded it, the validation after each epoch included.{lacking}"
    return Section(TABLE_1, text, [Table("Training the network.", headings, rows)])


def table_2(speeds: Sequence[AtOnce], methods: Sequence[Beside]) -> Section:
    """Forward times in batches, and of all methods beside each other."""
    reported = {1: theirs.ALONE_US, theirs.AT_ONCE: theirs.AT_ONCE_US}
    at_once = [
        (
            f"{one.lists:,}",
            *(f"{seconds * 1e6:,.1f}" for seconds in (one.estimate_s, one.one_thread_s, one.plain_s)),
            reported.get(one.lists, _NONE),
        )
        for one in speeds
    ]
    beside = [
        (
            "–".join(map(str, one.places)),
            f"{one.estimate_s * 1e6:.1f}",
            f"{one.plain_s * 1e6:.1f}",
            _NONE if one.exact_s is None else f"{one.exact_s * 1e3:.1f}",
            f"{one.search_s * 1e3:.1f}",
            f"{one.certified_s * 1e3:,.0f}",
            f"{one.search_s / one.estimate_s:,.0f}",
        )
        for one in methods
    ]
    text = (
        "An estimate includes what it is made from: the shortest tour by the plain router, and the features, which the network makes itself. "
        "Times are the best of several medians. Plain routing needs no network: it is exact, and in batches faster than any."
    )
    in_batches = ("lists at once", "estimate, all cores", "estimate, one core", "plain router alone", "seed system")
    by_method = (
        "places",
        "estimate, µs",
        "plain router, µs",
        "exact cart method, ms",
        "search, ms",
        "search and bound, ms",
        "search ÷ estimate",
    )
    tables = [Table("Microseconds a list, by batch size; the last column is the seed system's own report.", in_batches, at_once)]
    if beside:
        caption = (
            "A list by each method; estimate and plain router in a batch. The exact method takes short lists only; the bound certifies."
        )
        tables.append(Table(caption, by_method, beside))
    return Section(TABLE_2, text, tables)


def figures_3_4(splits: Splits, drawn: Picture, best: Picture) -> Section:
    """Two of all splits."""
    totals = splits.totals_s
    fastest, at_random = totals[splits.best], totals[splits.drawn]
    text = (
        f"{ORDERS} orders of {ITEMS} items each; a cart takes {ORDERS * ITEMS // 2} items, so that there are {len(totals)} ways to split them "
        f"into two lists. Both lists of each were timed by the exact cart method, without picking. They take {fastest:.1f} s to "
        f"{totals.max():.1f} s, {totals.mean():.1f} s in the mean; the best split takes {_share(1 - fastest / totals.mean())} less than that, and "
        f"{_share(1 - fastest / at_random)} less than the one that was drawn."
    )
    return Section(FIGURES_3_4, text, pictures=[drawn, best])


def figure_3(splits: Splits) -> str:
    """The caption."""
    faster = int((splits.totals_s < splits.totals_s[splits.drawn]).sum())
    return f"Figure 3. A split drawn at random: {splits.totals_s[splits.drawn]:.1f} s. {faster} of the other {len(splits.splits) - 1} are faster."


def figure_4(splits: Splits) -> str:
    """The caption."""
    return f"Figure 4. The optimal split of the same orders: {splits.totals_s[splits.best]:.1f} s."


def figure_6(errors: Errors, scores: Scores, measured: HeldOut, picture: Picture) -> Section:
    """Errors, beside those that were measured when the bundle was made."""
    at_export = [(f"network, when exported, on {measured.lists:,} lists", measured.scores)]
    at_export += [(f"{name}, on the same", one) for name, one in measured.baselines.items()]
    shown = ("error", "q99", "worst", "bias")
    rows = [
        (f"network, on {scores.lists:,} lists here", *(_percent(getattr(scores, name)) for name in shown)),
        *((name, *(_percent(one.get(name)) for name in shown)) for name, one in at_export),
        ("seed system", _percent(theirs.ERROR), _NONE, _NONE, _NONE),
    ]
    headings = ("%", "mean |error|", "99 % below", "worst 1 %", "bias")
    table = Table("Relative errors, estimated ÷ calculated − 1.", headings, rows, theirs=[len(rows) - 1])
    text = f"On {scores.lists:,} {errors.source}. Training saw none of them."
    return Section(FIGURE_6, text, [table], [picture])


def _share(share: float, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f} %"


def _percent(share: float | None) -> str:
    return _NONE if share is None else f"{100 * share:.3f}"


def figure_7(found: Annealing, picture: Picture) -> Section:
    """The experiment of two lists."""
    rows = [_trial(str(number), [one]) for number, one in enumerate(found.trials, 1)]
    rows += [_trial("mean", found.trials)] if len(found.trials) > 1 else []
    rows.append(("seed system", _NONE, _NONE, _NONE, _NONE, f"{100 * theirs.SAVING:.0f}", _NONE, _NONE))
    headings = ("repetition", "random", "on estimates", "on calculated", "difference, %", "saving, %", "tries", "tries, calculated")
    caption = (
        f"Travel time in s of {ANNEALED} orders of {ITEMS} items in {LISTS} lists: random splits, annealing for {found.seconds:g} s on "
        f"estimates and for {LONGER * found.seconds:g} s on calculated times. Saving is that of annealing on estimates."
    )
    text = (
        f"Annealing on estimates ends {100 * found.difference:+.2f} % beside annealing {LONGER} times as long on calculated times, and "
        f"{_share(found.saving)} below random splits; the seed system reported {_share(theirs.SAVING, 0)}. All results are told in calculated times, "
        "without picking, which is the same for all."
    )
    return Section(FIGURE_7, text, [Table(caption, headings, rows, theirs=[len(rows) - 1])], [picture])


def _trial(name: str, trials: Sequence[Trial]) -> tuple[str, ...]:
    def mean(values: Sequence[float]) -> float:
        return sum(values) / len(values)

    times = [mean([getattr(one, key) for one in trials]) for key in ("random_s", "estimated_s", "calculated_s")]
    difference = mean([one.estimated_s / one.calculated_s - 1 for one in trials])
    saving = mean([1 - one.estimated_s / one.random_s for one in trials])
    tries = [mean([one.tries[which] for one in trials]) for which in (0, 1)]
    return (
        name,
        *(f"{time_s:.1f}" for time_s in times),
        f"{100 * difference:+.2f}",
        f"{100 * saving:.1f}",
        *(f"{number:,.0f}" for number in tries),
    )
