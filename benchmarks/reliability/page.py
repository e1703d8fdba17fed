"""Write docs/reliability.md from the stored run and the hand-written page.md."""

import ast
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.pages import DOCS, fill, line, stored
from tests.baking import MORE_TESTS

PAGE, STORED = DOCS / "reliability.md", DOCS / "reliability.json"
TEXT = Path(__file__).with_name("page.md")

# Not among the project's own faults, because it takes two projects.
TWO_PROJECTS = "two_projects"
TWO_PROJECTS_SENTENCE = (
    "Two projects share one key, with ten rooms each; the worker of either is killed."
)

Outcome = Mapping[str, Any]  # see tests/in_project/e2e/world.py


def sentences() -> dict[str, str]:
    """Return the sentence for each fault's row, in the order of the page.

    Parsed from faults.py, which can be imported only in a project.
    """
    module = ast.parse((MORE_TESTS / "e2e" / "faults.py").read_text(encoding="utf-8"))
    functions = [node for node in module.body if isinstance(node, ast.AsyncFunctionDef)]
    docstrings = {function.name: ast.get_docstring(function) or "" for function in functions}
    (faults,) = (node.value for node in module.body if isinstance(node, ast.AnnAssign))
    assert isinstance(faults, ast.Dict)
    names = [key.id for key in faults.keys if isinstance(key, ast.Name)]
    return {name: docstrings[name] for name in names} | {TWO_PROJECTS: TWO_PROJECTS_SENTENCE}


def stored_run() -> dict[str, Any]:
    return stored(STORED)


def render(run: Mapping[str, Any]) -> str:
    dates = sorted({row["date"] for row in run["rows"]})
    rows = (line(row["sentence"], words(row["plain"]), words(row["ours"])) for row in run["rows"])
    head = line("What goes wrong", "Plain LiveKit", "This project")
    return fill(
        TEXT,
        date=dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}",
        agents=run["agents"],
        server=run["server"],
        table="\n".join((head, "|---|---|---|", *rows)),
        share=outcome_of(run, "saturated_worker")["note"],
    )


def outcome_of(run: Mapping[str, Any], fault: str) -> Outcome:
    """Return the outcome of `fault` in our project."""
    (outcome,) = (row["ours"] for row in run["rows"] if row["fault"] == fault)
    return dict(outcome)


def words(outcome: Outcome) -> str:
    rooms, served, note = outcome["rooms"], outcome["served"], outcome["note"]
    if served == 0:
        text = "no agent, for good"
    elif served < rooms:
        text = f"one agent in {served} of {rooms} rooms, for good"
    else:
        seconds = f"{max(outcome['seconds'], 0.1):.1f} s"
        where = f" in each of {rooms} rooms, the slowest" if rooms > 1 else ","
        text = f"one agent{where} after {seconds}"
    return f"{text} ({note})" if note else text
