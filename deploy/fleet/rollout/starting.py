"""Check a roll-out before it begins: what is wrong is told while somebody looks (pure but for the repository)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from bintally.errors import InputError, UsageError
from bintally.fits import fitting
from bintally.updates import DesiredKeys, target_path
from deploy.fleet.desired import DesiredKey
from deploy.fleet.rollout.cohorts import Labels, is_chosen, selected
from deploy.fleet.rollout.plan import Plan, Rollout, Target
from deploy.fleet.rollout.targets import Repository
from deploy.fleet.rollout.view import StationView

_OPTIONS = {
    "shares": "cohorts",
    "soak_s": "soak",
    "answer_s": "answer",
    "least_counts": "counts",
    "limits": "limit",
    "sites": "site",
    "labels": "label",
}
"""Fields of ``Plan`` that the command line calls otherwise."""


def make_plan(
    repository: Repository, views: Mapping[str, StationView], labels: Labels, wanted: Mapping[str, Any], *, way_back: bool = True
) -> Plan:
    """Find the bundle for each kind of device among the selected stations, and what they have now.

    Args:
        repository: where they are.
        views: of all stations.
        labels: of the stations.
        wanted: fields of ``Plan``; ``targets`` and ``ways_back`` are found here.
        way_back: whether what runs now must be in the repository, so that it can be given back.

    Raises:
        UsageError: a field is wrong, or the stations have it all.
        InputError: no station is selected, or a bundle is not published; says for whom.
    """
    try:
        plan = Plan.model_validate({**wanted, "targets": {}})
    except ValidationError as error:
        first = error.errors()[0]
        field = str(first["loc"][0])
        where = ".".join(map(str, first["loc"][1:]))
        raise UsageError(f"--{_OPTIONS.get(field, field)}: {where and f'{where}: '}{first['msg']}") from error
    chosen = [view for source, view in views.items() if view.reported and is_chosen(plan, source, labels)]
    if not chosen:
        heard = sum(view.reported is not None for view in views.values())
        raise InputError(f"no station is selected, of {heard} that report a model; 'bintally fleet stations' shows their sites and labels")
    targets = _targets(repository, plan, chosen)
    if all(view.reported and view.reported.model == targets[view.reported.device].model for view in chosen):
        raise UsageError(f"nothing to do: all {len(chosen)} selected stations run {plan.name} {plan.version}")
    return plan.model_copy(update={"targets": targets, "ways_back": _ways_back(repository, chosen, way_back)})


def no_overlap(plan: Plan, views: Mapping[str, StationView], labels: Labels) -> Callable[[Sequence[Rollout]], None]:
    """A check that no other roll-out moves the same stations: a station runs one model, so only one may decide which."""
    mine = set(selected(plan, views, labels))

    def check(others: Sequence[Rollout]) -> None:
        for other in others:
            shared = sorted(mine.intersection(selected(other.plan, views, labels)))
            if shared:
                raise UsageError(
                    f"{other.id} is {other.status} over {len(shared)} of these stations ({shared[0]}, for instance); "
                    "wait until it ends, or 'bintally fleet rollout abort' it"
                )

    return check


def check_key(key: DesiredKey, keys: DesiredKeys) -> None:
    """Refuse a key whose desires every station would reject.

    Raises:
        InputError: the repository does not name it.
    """
    if keys.public(key.kid) != key.private.public_key().public_bytes_raw():
        raise InputError(
            f"--desired-key: stations do not obey the key {key.kid[:8]}; 'bintally fleet desired-key add' makes one that they do"
        )


def _targets(repository: Repository, plan: Plan, chosen: Sequence[StationView]) -> dict[str, Target]:
    """Device kind → the best bundle for it that is published."""
    kinds = Counter(view.reported.device for view in chosen if view.reported)
    found = {}
    for device, count in sorted(kinds.items()):
        target = next(_published(repository, plan.name, plan.version, device), None)
        if target is None:
            example = next(view.source for view in chosen if view.reported and view.reported.device == device)
            others = "".join(f", or one for {kind}" for kind in fitting(device)[1:])
            raise InputError(
                f"{target_path(plan.name, plan.version, device)}{others}: not in the repository, but {count} of {len(chosen)} selected "
                f"stations need it ({example}, for instance); 'bintally fleet publish' it, or leave them out with --site or --label"
            )
        found[device] = target
    return found


def _ways_back(repository: Repository, chosen: Sequence[StationView], required: bool) -> dict[str, str]:
    """Digest → path of what runs now."""
    running = Counter((view.reported.model, view.reported.device) for view in chosen if view.reported and view.reported.model)
    found = {}
    for (model, device), count in running.items():
        same = (one.path for one in _published(repository, model.name, model.version, device) if one.model.digest == model.digest)
        path = next(same, None)
        if path is not None:
            found[model.digest] = path
        elif required:
            raise InputError(
                f"{model.name} {model.version} with SHA-256 {model.digest[:12]}…: {count} of {len(chosen)} selected stations run it, and it is "
                f"not in the repository for {device}, so there is no way back to it; publish it, or go without with --no-way-back"
            )
    return found


def _published(repository: Repository, name: str, version: str, device: str) -> Iterator[Target]:
    """The bundles of a version that fit a kind of device, the best first."""
    for kind in fitting(device):
        known = repository.find(target_path(name, version, kind))
        if known is not None:
            yield known[0]
