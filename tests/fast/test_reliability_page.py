"""docs/reliability.md matches the stored run, and the run has every fault."""

from benchmarks.reliability.page import PAGE, render, sentences, stored_run, words
from tests.baking import TEMPLATE

RUN = stored_run()
OURS = {row["fault"]: row["ours"] for row in RUN["rows"]}


def test_the_page_matches_the_stored_run() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(RUN), (
        "run `uv run python -m benchmarks.reliability --render`"
    )


def test_the_rows_in_the_readme_are_rows_of_the_page() -> None:
    readme = (TEMPLATE / "README.md").read_text(encoding="utf-8")
    table = readme.partition("| What goes wrong |")[2].partition("\n\n")[0]
    rows = table.splitlines()[2:]
    assert rows
    assert set(rows) <= set(PAGE.read_text(encoding="utf-8").splitlines())


def test_every_fault_has_one_row() -> None:
    rows = {row["fault"]: row["sentence"] for row in RUN["rows"]}
    assert rows == sentences(), "run `uv run python -m benchmarks.reliability --only FAULT …`"
    assert len(rows) == len(RUN["rows"])


def test_every_fault_ends_in_exactly_one_agent_in_each_room() -> None:
    bad = {
        fault
        for fault, ours in OURS.items()
        if ours["served"] != ours["rooms"] or ours["rooms"] < 1
    }
    assert not bad


def test_eight_people_on_a_saturated_machine_get_their_agents_within_five_seconds() -> None:
    assert OURS["saturated_machine"]["rooms"] == 8
    assert OURS["saturated_machine"]["seconds"] < 5


def test_outcomes_are_described_in_words() -> None:
    one = {"rooms": 1, "served": 1, "seconds": 0.42, "note": ""}
    assert words(one) == "one agent, after 0.4 s"
    assert words(one | {"seconds": 0.01}) == "one agent, after 0.1 s"
    assert words(one | {"served": 0, "seconds": None}) == "no agent, for good"
    assert words(one | {"rooms": 8, "served": 3}) == "one agent in 3 of 8 rooms, for good"
    eight = one | {"rooms": 8, "served": 8, "note": "6 of 8 from the idle worker"}
    assert words(eight) == (
        "one agent in each of 8 rooms, the slowest after 0.4 s (6 of 8 from the idle worker)"
    )
