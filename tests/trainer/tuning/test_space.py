"""The search space: what may be searched, and what is refused."""

from __future__ import annotations

from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FixedTrial

from bintally.errors import UsageError
from trainer.training.settings import TrainSettings
from trainer.tuning.space import difference, space_from

FIXED = TrainSettings(epochs=3, seed=7)


def test_the_first_seed_systems_space_is_the_default() -> None:
    assert space_from(None, "default", FIXED).searched == {
        "learning_rate": FloatDistribution(0.001, 0.1, log=True),
        "batch_size": CategoricalDistribution((32, 64)),
        "epochs": CategoricalDistribution((8, 12, 15)),
    }
    assert space_from(None, "default", FIXED).most_epochs() == 15


def test_a_fixed_setting_leaves_the_default_space() -> None:
    space = space_from(None, "default", FIXED, ["epochs", "seed"])
    assert set(space.searched) == {"learning_rate", "batch_size"}
    assert space.most_epochs() == 3


def test_any_setting_may_be_searched() -> None:
    toml = """
    [weight_decay]
    low = 0
    high = 0.5
    [freeze]
    low = 0
    high = 4
    [batch_size]
    low = 8
    high = 64
    log = true
    [backbone]
    choice = ["resnet18", "resnet50"]
    [mixup]
    choice = [0, 0.2]
    [sizes]
    choice = [[128], [128, 160]]
    """
    space = space_from(toml, "own.toml", FIXED)
    assert space.searched["weight_decay"] == FloatDistribution(0, 0.5)
    assert space.searched["freeze"] == IntDistribution(0, 4)
    assert space.searched["batch_size"] == IntDistribution(8, 64, log=True)
    assert space.searched["mixup"] == CategoricalDistribution((0.0, 0.2))
    drawn = {"weight_decay": 0.25, "freeze": 3, "batch_size": 16, "backbone": "resnet18", "mixup": 0.2, "sizes": "128 160"}
    assert space.suggest(FixedTrial(drawn)) == TrainSettings(**{**drawn, "sizes": (128, 160), "epochs": 3, "seed": 7})  # type: ignore[arg-type]


def test_what_is_drawn_are_settings_within_the_space() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    drawn = [space_from(None, "default", FIXED).suggest(study.ask()) for _ in range(40)]
    assert {one.batch_size for one in drawn} == {32, 64}
    assert {one.epochs for one in drawn} == {8, 12, 15}
    assert all(0.001 <= one.learning_rate <= 0.1 for one in drawn)
    assert 10 < sum(one.learning_rate < 0.01 for one in drawn) < 30
    assert {one.seed for one in drawn} == {7}


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        ("[learning_rate", "own.toml: not readable TOML"),
        ("", "own.toml: nothing is left to search"),
        ("[learning_rte]\nlow = 1", "unknown parameter learning_rte; did you mean learning_rate?"),
        ("[zzz]\nlow = 1", "unknown parameter zzz; known are backbone, head, epochs"),
        ("learning_rate = 3", "learning_rate: must be a table"),
        ("[learning_rate]\nlow = 0.1\nhi = 1", "learning_rate: unknown key hi; did you mean high?"),
        ("[learning_rate]\nlow = 0.1", "must have low and high, or choice alone"),
        ("[learning_rate]\nlow = 0.1\nhigh = 1\nchoice = [1, 2]", "must have low and high, or choice alone"),
        ("[learning_rate]\nlow = 0.1\nhigh = 0.01", "low 0.1 must be below high 0.01"),
        ("[learning_rate]\nlow = 0.1\nhigh = nan", "must be from"),
        ("[learning_rate]\nlow = 0.1\nhigh = 5", r"learning_rate: --learning-rate 5\.0: must be from"),
        ("[learning_rate]\nlow = 0.1\nhigh = 1\nlog = 1", "log must be true or false"),
        ("[weight_decay]\nlow = 0\nhigh = 1\nlog = true", "low 0.0 must be above 0"),
        ("[epochs]\nlow = 1.5\nhigh = 3", "1.5 must be a whole number"),
        ("[epochs]\nlow = true\nhigh = 3", "True must be a whole number"),
        ("[epochs]\nchoice = 3", "choice must be a list of at least two values"),
        ("[epochs]\nchoice = [3]", "choice must be a list of at least two values"),
        ("[epochs]\nchoice = [3, 3]", "choice holds a value twice"),
        ("[epochs]\nchoice = [3, 0]", "--epochs 0: must be from 1"),
        ("[backbone]\nlow = 1\nhigh = 2", "1 must be a text"),
        ("[backbone]\nlow = 'resnet18'\nhigh = 'resnet50'", "is no number and has no range"),
        ("[backbone]\nchoice = ['resnet18', 'resnet51']", "--backbone resnet51: must be one of"),
        ("[sizes]\nchoice = [128, 160]", "128 must be a list of numbers"),
    ],
)
def test_a_wrong_space_is_refused_with_the_place(toml: str, says: str) -> None:
    with pytest.raises(UsageError, match=says) as error:
        space_from(toml, "own.toml", FIXED)
    assert str(error.value).startswith("own.toml: ")


def test_a_setting_cannot_be_searched_and_fixed() -> None:
    with pytest.raises(UsageError, match="epochs is searched, and given one value"):
        space_from("[epochs]\nchoice = [1, 2]", "own.toml", FIXED, ["epochs"])


def test_nothing_to_search_is_wrong_use() -> None:
    with pytest.raises(UsageError, match="nothing is left to search"):
        space_from(None, "the default space", FIXED, ["epochs", "batch_size", "learning_rate"])


@pytest.mark.parametrize(
    ("toml", "fixed", "says"),
    [
        ("[epochs]\nchoice = [1, 2]", FIXED, None),
        ("[epochs]\nchoice = [1, 3]", FIXED, "epochs was one of 1, 2 and is one of 1, 3"),
        ("[epochs]\nlow = 1\nhigh = 2", FIXED, "epochs was one of 1, 2 and is 1 to 2"),
        ("[epochs]\nchoice = [1, 2]", TrainSettings(epochs=5, seed=8), "seed was 7 and is 8"),
        ("[batch_size]\nchoice = [2, 4]", TrainSettings(seed=7), "batch_size was 32 and is one of 2, 4"),
    ],
)
def test_two_spaces_differ_by_what_is_searched_and_what_is_fixed(toml: str, fixed: TrainSettings, says: str | None) -> None:
    then: dict[str, Any] = space_from("[epochs]\nchoice = [1, 2]", "then", FIXED).record()
    assert difference(then, space_from(toml, "now", fixed).record()) == says
