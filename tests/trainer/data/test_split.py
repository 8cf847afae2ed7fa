"""The split: no article on two sides, the same for the same seed."""

from __future__ import annotations

from collections import Counter, defaultdict
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from trainer.data.split import SHARES, Part, first_leak, group, leaking, shared, split_groups

Images = list[tuple[str, frozenset[str]]]

asins = st.frozensets(st.sampled_from([f"B{i}" for i in range(12)]), max_size=4)
image_lists = st.lists(st.tuples(st.integers(0, 400).map(lambda i: f"{i:05}"), asins), max_size=40, unique_by=lambda image: image[0])
group_sizes = st.lists(st.integers(1, 9), min_size=1, max_size=40)
seeds = st.integers(0, 2**32)


def group_by_asin(images: Images) -> dict[str, str]:
    return group((image for image, _ in images), shared(images, "share {}"))


def groups_by_search(images: Images) -> dict[str, str]:
    """The reference: walk the graph of images that share an ASIN."""
    neighbours: dict[str, set[str]] = {image: set() for image, _ in images}
    for image, held in images:
        neighbours[image] |= {other for other, its in images if held & its}
    found: dict[str, str] = {}
    for start in sorted(neighbours):
        waiting = [start]
        while waiting:
            image = waiting.pop()
            if image not in found:
                found[image] = start
                waiting += neighbours[image]
    return found


def groups_of(sizes: list[int]) -> dict[str, str]:
    return {f"{g}-{i}": f"{g}-0" for g, size in enumerate(sizes) for i in range(size)}


@given(image_lists)
def test_groups_are_those_that_a_graph_search_finds(images: Images) -> None:
    assert group_by_asin(images) == groups_by_search(images)


@given(image_lists, st.randoms(use_true_random=False))
def test_groups_do_not_depend_on_the_order_of_the_images(images: Images, random: Random) -> None:
    shuffled = list(images)
    random.shuffle(shuffled)
    assert group_by_asin(shuffled) == group_by_asin(images)


@given(image_lists, seeds)
def test_no_asin_is_on_two_sides(images: Images, seed: int) -> None:
    parts = split_groups(group_by_asin(images), seed)
    sides: dict[str, set[str]] = defaultdict(set)
    for image, held in images:
        for asin in held:
            sides[asin].add(parts[image])
    assert all(len(found) == 1 for found in sides.values())
    assert set(parts) == {image for image, _ in images}


@given(image_lists, asins.filter(bool), seeds)
def test_the_same_bin_before_and_after_an_event_stays_on_one_side(images: Images, held: frozenset[str], seed: int) -> None:
    twins = [("90001", held), ("90002", held | {"B-new"})]
    parts = split_groups(group_by_asin(images + twins), seed)
    assert parts["90001"] == parts["90002"]


def test_images_without_articles_are_groups_of_their_own() -> None:
    assert group_by_asin([("a", frozenset()), ("b", frozenset())]) == {"a": "a", "b": "b"}


def test_a_chain_of_shared_articles_is_one_group() -> None:
    chain = [(f"{i:02}", frozenset({f"B{i}", f"B{i + 1}"})) for i in reversed(range(30))]
    assert set(group_by_asin(chain).values()) == {"00"}


@given(group_sizes, seeds, st.randoms(use_true_random=False))
def test_the_seed_alone_decides_and_not_the_order_of_the_images(sizes: list[int], seed: int, random: Random) -> None:
    groups = groups_of(sizes)
    items = list(groups.items())
    random.shuffle(items)
    assert split_groups(dict(items), seed) == split_groups(groups, seed)


def test_another_seed_gives_another_split() -> None:
    groups = groups_of([1] * 60)
    splits = {tuple(sorted(split_groups(groups, seed).items())) for seed in range(20)}
    assert len(splits) == 20


@given(group_sizes, seeds)
def test_no_part_exceeds_its_share_by_a_whole_group(sizes: list[int], seed: int) -> None:
    """Each group goes to a part that still misses something, so a part ends less than one (largest) group above its share.

    What one part lacks the other two have too much, so it ends less than two groups below.
    """
    parts = Counter(split_groups(groups_of(sizes), seed).values())
    for part, share in SHARES.items():
        above = parts[part] - share * sum(sizes)
        assert -2 * max(sizes) < above < max(sizes) + 1e-9


def test_a_thousand_single_images_are_split_exactly_80_10_10() -> None:
    parts = Counter(split_groups(groups_of([1] * 1000), 3).values())
    assert parts == {"train": 800, "val": 100, "test": 100}


@given(st.integers(3, 200), seeds)
def test_three_groups_are_enough_for_three_parts(number: int, seed: int) -> None:
    assert set(split_groups(groups_of([1] * number), seed).values()) == set(SHARES)


@given(image_lists, seeds)
def test_a_split_by_groups_never_leaks(images: Images, seed: int) -> None:
    groups, links = group_by_asin(images), shared(images, "share {}")
    parts = split_groups(groups, seed)
    assert leaking(groups, parts) == 0
    assert first_leak(links, parts) is None


@given(image_lists, st.randoms(use_true_random=False))
def test_a_split_leaks_where_two_parts_hold_one_asin_and_then_such_a_pair_is_named(images: Images, random: Random) -> None:
    parts: dict[str, Part] = {image: random.choice(list(SHARES)) for image, _ in images}
    held = dict(images)
    leaks = any(parts[one] != parts[other] and held[one] & held[other] for one in held for other in held)
    link = first_leak(shared(images, "{}"), parts)
    assert (link is not None) == leaks == (leaking(group_by_asin(images), parts) > 0)
    if link is not None:
        assert parts[link.one] != parts[link.other]
        assert link.reason in held[link.one] & held[link.other]
