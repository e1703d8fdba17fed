"""Write docs/compatibility.md from the stored run and the hand-written page.md."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.pages import DOCS, fill, line, stored
from tests.baking import PROMPTS

PAGE, STORED = DOCS / "compatibility.md", DOCS / "compatibility.json"
TEXT = Path(__file__).with_name("page.md")

# The release that the guide was written for, then the last one of each minor version.
RELEASES = {
    "1.0": "==1.0.23",
    **{f"1.{minor}": f">=1.{minor}.0,<1.{minor + 1}" for minor in range(1, 9)},
}
FORMS: list[str] = PROMPTS["livekit_agents"]
DISPATCH = {
    "nothing": "No name anywhere",
    "worker_name": "`agent_name` in the worker, no room asks",
    "named_token": "… a token asks for it",
    "environment_name": "`LIVEKIT_AGENT_NAME`",
    "override": "`LIVEKIT_AGENT_NAME_OVERRIDE`",
    "one_idle_process": "Two rooms at once, `num_idle_processes=1`",
    "entrypoint_raises_later": "The entrypoint raises in the room",
}
HANDLERS = {
    "accept": "`await request.accept()`",
    "return_true": "`return True`",
    "plain_function": "A plain `def`",
    "handler_raises": "It raises",
    "reject": "`await request.reject()`",
    "slow_4": "Accepts after 4 s",
}
CASES_SHOWN = (*DISPATCH, *HANDLERS)

Row = Mapping[str, Any]  # of one release; see compatibility.py


def stored_run() -> dict[str, Any]:
    return stored(STORED)


def render(run: Mapping[str, Any]) -> str:
    rows: list[Row] = list(run["rows"].values())
    dates = sorted({row["date"] for row in rows})
    return fill(
        TEXT,
        python=" and ".join(sorted({row["python"] for row in rows})),
        newest=FORMS[0],
        oldest=FORMS[-1],
        dates=dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}",
        projects=table(
            ["Installs", "Wheels for Python", *(f"Our project for {form}" for form in FORMS)],
            ([r["install"], span(r["pythons"]), *r["projects"].values()] for r in rows),
            rows,
        ),
        dispatch=table(DISPATCH.values(), (cells(row, DISPATCH) for row in rows), rows),
        handlers=table(HANDLERS.values(), (cells(row, HANDLERS) for row in rows), rows),
        health=table(["Fields of `GET /worker`"], ([r["outcomes"]["health"]] for r in rows), rows),
    )


def cells(row: Row, slugs: Iterable[str]) -> list[str]:
    """Return the outcomes without the log lines, which dispatch.md explains."""
    return [row["outcomes"][slug].partition(", logs")[0] for slug in slugs]


def span(versions: list[str]) -> str:
    return f"{versions[0]} to {versions[-1]}" if versions else "none"


def table(heads: Iterable[str], lines: Iterable[list[str]], rows: list[Row]) -> str:
    columns = ["livekit-agents", *heads]
    made = [line(*columns), line(*("---" for _ in columns))]
    made += (line(row["release"], *rest) for row, rest in zip(rows, lines, strict=True))
    return "\n".join(made)
