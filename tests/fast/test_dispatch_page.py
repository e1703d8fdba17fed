"""docs/dispatch.md matches the stored runs."""

import copy

import pytest

from benchmarks.dispatch.cases import CASES, GROUPS
from benchmarks.dispatch.page import PAGE, render, stored_runs

RUNS = stored_runs()
LATE = CASES["late_worker"]


def test_the_page_matches_the_stored_runs() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(RUNS), (
        "run `uv run python -m benchmarks.dispatch --render`"
    )


def test_case_names_are_unique() -> None:
    assert len(CASES) == sum(map(len, GROUPS.values()))


@pytest.mark.parametrize("run", RUNS, ids=lambda run: str(run["server"]))
def test_every_case_was_run_with_both_sdks(run: dict[str, dict[str, dict[str, str]]]) -> None:
    assert list(run["rows"]) == list(CASES)
    assert {len(row["outcomes"]) for row in run["rows"].values()} == {len(run["sdks"])} == {2}


def test_a_verdict_that_a_run_does_not_support_is_omitted() -> None:
    runs = copy.deepcopy(RUNS)
    assert f"| no agent | no agent | {LATE.verdict} |" in render(runs)
    runs[0]["rows"][LATE.slug]["outcomes"] = ["no agent", "joins"]
    page = render(runs)
    assert LATE.verdict not in page
    assert (
        "| no agent | joins | **Differs from what was measured before** (no agent; no agent)"
        in page
    )


def test_a_wrong_claim_of_the_guide_is_reported() -> None:
    runs = copy.deepcopy(RUNS)
    assert "**Not as the guide says** (“This disables automatic dispatch”)" not in render(runs)
    runs[0]["rows"]["worker_name"]["outcomes"] = ["joins", "joins"]
    assert "**Not as the guide says** (“This disables automatic dispatch”)" in render(runs)


def test_another_server_is_compared_row_by_row() -> None:
    other = copy.deepcopy(RUNS[0]) | {"server": "0.0.1"}
    assert "Same results on livekit-server 0.0.1" in render([RUNS[0], other])
    other["rows"][LATE.slug]["outcomes"] = ["joins", "joins"]
    assert f"| {LATE.words} | joins | joins |" in render([RUNS[0], other])
