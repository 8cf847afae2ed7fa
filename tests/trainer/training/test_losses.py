"""What a counter is trained towards, checked against plain formulas."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from trainer.data.dataset import Example
from trainer.network.design import CLASSES
from trainer.network.heads import CumulativeLogits
from trainer.training.losses import books_loss, class_loss, class_targets, class_weights, density_loss, places_on_grid

LABELS = torch.tensor([0, 2, 5, 6, 40])


def examples(*quantities: int) -> list[Example]:
    return [Example(str(n), f"{n}.jpg", quantity, str(n), "train") for n, quantity in enumerate(quantities)]


def test_without_options_the_loss_is_the_cross_entropy() -> None:
    logits = torch.randn(5, CLASSES, generator=torch.Generator().manual_seed(1))
    expected = nn.functional.cross_entropy(logits, LABELS.clamp(max=6))
    torch.testing.assert_close(class_loss(logits, class_targets(LABELS)), expected)


def test_smoothing_is_torchs() -> None:
    logits = torch.randn(5, CLASSES, generator=torch.Generator().manual_seed(1))
    expected = nn.functional.cross_entropy(logits, LABELS.clamp(max=6), label_smoothing=0.3)
    torch.testing.assert_close(class_loss(logits, class_targets(LABELS, smoothing=0.3)), expected)


def test_neighbouring_counts_get_their_share_and_nothing_falls_off_the_ends() -> None:
    targets = class_targets(LABELS, neighbours=0.1)
    expected = [[0.9, 0.1, 0, 0, 0, 0, 0], [0, 0.1, 0.8, 0.1, 0, 0, 0], [0, 0, 0, 0, 0.1, 0.8, 0.1], [0, 0, 0, 0, 0, 0.1, 0.9]]
    torch.testing.assert_close(targets, torch.tensor([*expected, expected[-1]]))


@pytest.mark.parametrize("options", [{}, {"neighbours": 0.45}, {"smoothing": 0.9}, {"neighbours": 0.2, "smoothing": 0.2}])
def test_every_target_is_a_distribution(options: dict[str, Any]) -> None:
    targets = class_targets(torch.arange(12), **options)
    torch.testing.assert_close(targets.sum(1), torch.ones(12))
    assert (targets >= 0).all()


def test_rare_classes_weigh_more_and_the_mean_stays_one() -> None:
    found = class_weights(examples(0, 3, 3, 3, 9, 9), 1.0)
    torch.testing.assert_close(found, torch.tensor([6, 0, 0, 2, 0, 0, 3]) / 3)
    torch.testing.assert_close(class_weights(examples(0, 3, 3, 3), 0.0)[[0, 3]], torch.ones(2))


def test_weights_count_in_the_loss() -> None:
    logits, targets = torch.zeros(2, CLASSES), class_targets(torch.tensor([0, 1]))
    weights = torch.tensor([3.0, 0, 0, 0, 0, 0, 0])
    torch.testing.assert_close(class_loss(logits, targets, weights), torch.tensor(1.5 * math.log(7)))


@pytest.mark.parametrize("scale", [0.1, 1.0, 30.0])
def test_the_ordinal_head_gives_the_differences_of_cumulative_probabilities(scale: float) -> None:
    torch.manual_seed(4)
    head = CumulativeLogits(3, CLASSES).double()
    with torch.no_grad():
        head.steps.add_(torch.randn(CLASSES - 2))
    features = torch.randn(50, 3, dtype=torch.float64) * scale
    thresholds = head.first + torch.cat((torch.zeros(1), nn.functional.softplus(head.steps).cumsum(0)))
    below = torch.sigmoid(thresholds - head.score(features))
    expected = torch.diff(below, dim=1, prepend=torch.zeros(50, 1), append=torch.ones(50, 1))
    torch.testing.assert_close(head(features).exp(), expected, atol=1e-9, rtol=1e-6)


def test_the_ordinal_head_stays_finite_where_probabilities_vanish() -> None:
    head = CumulativeLogits(1, CLASSES)
    features = torch.tensor([[-1e3], [0.0], [1e3]], requires_grad=True)
    logits = head(features)
    class_loss(logits, class_targets(torch.tensor([6, 3, 0]))).backward()  # type: ignore[no-untyped-call]
    assert torch.isfinite(logits).all()
    assert all(bool(torch.isfinite(parameter.grad).all()) for parameter in head.parameters() if parameter.grad is not None)


def centres(*places: tuple[float, float]) -> Tensor:
    found = torch.full((1, 4, 2), float("nan"))
    found[0, : len(places)] = torch.tensor(places).view(-1, 2)
    return found


def test_an_item_in_the_middle_of_a_cell_is_in_that_cell_alone() -> None:
    grid = places_on_grid(centres((0.375, 0.625)), (4, 4))[0]
    assert grid[2, 1] == pytest.approx(1)
    assert grid.sum() == pytest.approx(1)


@pytest.mark.parametrize("place", [(0.0, 0.0), (1.0, 1.0), (0.5, 0.5), (0.99, 0.01), (0.33, 0.77)])
def test_a_map_holds_each_item_once(place: tuple[float, float]) -> None:
    assert float(places_on_grid(centres(place, (0.2, 0.2)), (5, 7)).sum()) == pytest.approx(2)


def test_items_outside_the_frame_are_not_in_the_map() -> None:
    assert float(places_on_grid(centres((1.2, 0.5), (-0.1, 0.5)), (5, 5)).sum()) == 0


def test_the_right_map_costs_nothing_and_a_wrong_one_does() -> None:
    places, one = centres((0.3, 0.3), (0.6, 0.8)), torch.tensor([True])
    right = places_on_grid(places, (5, 5))
    assert float(density_loss(right, places, one, torch.tensor([2]))) == pytest.approx(0, abs=1e-6)
    assert float(density_loss(right.flip(2), places, one, torch.tensor([2]))) > 0.1
    assert float(density_loss(right * 2, places, one, torch.tensor([2]))) > 0.1


def test_where_places_are_unknown_only_the_sum_counts_and_not_for_full_bins() -> None:
    spread, unknown = torch.full((1, 4, 4), 2 / 16), torch.tensor([False])
    assert float(density_loss(spread, centres(), unknown, torch.tensor([2]))) == pytest.approx(0, abs=1e-6)
    assert float(density_loss(spread, centres(), unknown, torch.tensor([4]))) == pytest.approx(1.5)
    assert float(density_loss(spread, centres(), unknown, torch.tensor([80]))) == 0


def test_books_that_say_nothing_cost_nothing() -> None:
    nothing = float("nan")
    known = torch.tensor([[1.0, nothing], [nothing, nothing]])
    guessed = torch.tensor([[3.0, 50.0], [7.0, 7.0]], requires_grad=True)
    loss = books_loss(guessed, known)
    assert loss.item() == pytest.approx(1.5 / 2)
    loss.backward()  # type: ignore[no-untyped-call]
    assert guessed.grad is not None
    assert torch.equal(guessed.grad != 0, torch.tensor([[True, False], [False, False]]))
