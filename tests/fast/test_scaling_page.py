"""docs/scaling.md matches the stored run."""

from benchmarks.scaling.page import PAGE, PICTURE, render, stored_run

RUN = stored_run()


def test_the_page_matches_the_stored_run() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(RUN), (
        "run `uv run python -m benchmarks.scaling --render`"
    )
    assert PICTURE.read_text(encoding="utf-8").startswith("<?xml")


def test_the_wait_grew_no_faster_than_the_rooms() -> None:
    first, *_ = curve = RUN["curve"]
    assert [row["rooms"] for row in curve] == [10, 50, 100]
    for row in curve:
        assert row["median"] / first["median"] <= row["rooms"] / first["rooms"]
        assert row["worst"] < 2, "LiveKit has passed over the worker"
