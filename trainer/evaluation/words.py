"""What the figures say, in plain sentences (pure)."""

from __future__ import annotations

from typing import Any

from trainer.evaluation.metrics import MAX_COUNT


def findings(outcome: dict[str, Any]) -> list[str]:
    """The sentences that a reader should leave with.

    Args:
        outcome: as ``trainer.evaluation.evaluate.evaluate_model`` gives it.
    """
    said = [_accuracy(outcome), _calibration(outcome["calibration"]), _promise(outcome["abstain"]), _verification(outcome["verification"])]
    return [sentence for sentence in [*said, _leaks(outcome), _warning(outcome)] if sentence]


def share(value: float | None, digits: int = 1) -> str:
    """A share in per cent; a dash where there was nothing to measure."""
    return "–" if value is None else f"{100 * value:.{digits}f}\N{NO-BREAK SPACE}%"


def _accuracy(outcome: dict[str, Any]) -> str:
    base = outcome["baseline"]
    if base is None:
        return f"No image has at most {MAX_COUNT} items, so the ABID challenge's figures cannot be told."
    return (
        f"It is right about {share(outcome['accuracy'])} of the images with 0 to {MAX_COUNT} items, and off by at most one in "
        f"{share(outcome['within_one'])}; always answering «{base['answer']}» is right in {share(base['accuracy'])}."
    )


def _calibration(found: dict[str, Any]) -> str:
    after = found["after"]
    figures = f"{after['ece']:.3f} after temperature scaling ({found['before']['ece']:.3f} before)"
    if after["calibrated"]:
        return (
            f"No sign that its confidence is off: the expected calibration error is {figures}, not above the {after['chance']:.3f} that "
            "a perfectly calibrated model stays below in 95 of 100 cases."
        )
    kind = "sure" if _leaning(after) > 0 else "unsure"
    return (
        f"Its confidence is off, mostly too {kind}: the expected calibration error is {figures}, above the {after['chance']:.3f} that "
        "a perfectly calibrated model stays below in 95 of 100 cases."
    )


def _leaning(found: dict[str, Any]) -> float:
    """Sum of confidence less sum of right answers."""
    return float(sum(entry["n"] * (entry["confidence"] - entry["accuracy"]) for entry in found["bins"] if entry["n"]))


def _promise(found: dict[str, Any]) -> str:
    if found["kept"] is None:
        return f"It calls every image unsure: no threshold kept the promised {share(found['promised'], 0)} where it was fitted."
    low, high = (share(end) for end in found["interval"])
    return (
        f"It answers {found['answered']} of {found['n']} images ({share(found['share'])}) and calls the rest unsure; "
        f"{share(found['accuracy'])} of its answers are right (95 % interval {low} to {high}), {share(found['promised'], 0)} were "
        f"promised: the promise {kept(found)}."
    )


def kept(found: dict[str, Any]) -> str:
    """Whether a promise (with answers) was kept, as far as its interval tells."""
    if not found["kept"]:
        return "is broken"
    return "is kept" if found["promised"] <= found["interval"][0] else "lies within the interval"


def _verification(found: dict[str, Any]) -> str:
    at = found["at_recall"][80]
    return (
        f"Against the books it tells a wrong quantity from the right one in {share(found['auc'])} of pairs; to catch 80 % of wrong "
        f"books it doubts {share(at['false_alarms'])} of the right ones."
    )


def _leaks(outcome: dict[str, Any]) -> str:
    if not outcome["leaks"]:
        return ""
    return (
        f"Beware: this split leaks: {outcome['leaks']} groups of related images stand in more than one part, so figures on a part that "
        "was not trained on may still flatter a model that was trained on its neighbours."
    )


def _warning(outcome: dict[str, Any]) -> str:
    if outcome["trained_here"] == "same split" and outcome["split"] in ("train", "all"):
        return "Beware: this part holds images that it was trained on, so every figure here flatters it."
    if outcome["trained_here"] == "another split":
        return (
            "Beware: its record names this data set in another split or state, so this part may hold images that it was trained on, "
            "and every figure here may flatter it."
        )
    return ""
