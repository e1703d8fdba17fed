"""docs/scaling.md matches the stored run."""

import pytest

from benchmarks.scaling.page import PAGE, PICTURE, TALKING_PICTURE, render, stored_run
from benchmarks.scaling.talking import OURS, SHAPES, STARTER, Shape, limit

RUN = stored_run()
SLOWER = 1.2  # as a multiple of LiveKit's starter: our answers come no later than that


def test_the_page_matches_the_stored_run() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(RUN), (
        "run `uv run python -m benchmarks.scaling --render`"
    )
    for picture in (PICTURE, TALKING_PICTURE):
        assert picture.read_text(encoding="utf-8").startswith("<?xml")


def test_the_wait_grew_no_faster_than_the_rooms() -> None:
    first, *_ = curve = RUN["curve"]
    assert [row["rooms"] for row in curve] == [10, 50, 100]
    for row in curve:
        assert row["median"] / first["median"] <= row["rooms"] / first["rooms"]
        assert row["worst"] < 2, "LiveKit has passed over the worker"


@pytest.mark.parametrize("name", SHAPES)
def test_conversations_were_added_until_they_did_not_fit(name: str) -> None:
    first, *more = levels = Shape.of(RUN["talking"]["rows"], name).levels
    assert (first["conversations"], first["fits"]) == (1, True)
    assert [row["conversations"] for row in levels] == sorted(
        row["conversations"] for row in levels
    )
    assert more, "nothing was added"
    assert all(row["fits"] for row in levels[:-1])


def test_our_answers_come_about_as_soon_as_those_of_the_starter() -> None:
    ours, theirs = (
        {row["conversations"]: row["median"] for row in shape.levels if row["fits"]}
        for shape in (Shape.of(RUN["talking"]["rows"], name) for name in (OURS, STARTER))
    )
    for count in ours.keys() & theirs:
        assert ours[count] <= SLOWER * theirs[count], f"{count} conversations"


def test_the_page_names_what_breaks_first() -> None:
    ours = Shape.of(RUN["talking"]["rows"], OURS)
    assert ours.too_many, "all conversations fit: try more"
    assert f"What breaks first for this project: {limit(ours)}." in render(RUN)
