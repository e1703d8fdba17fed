"""Write docs/dispatch.md from the cases, the stored runs and the hand-written page.md."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.dispatch.cases import CASES, GROUPS, Case
from benchmarks.dispatch.options import GONE, PATIENCE
from benchmarks.pages import DOCS, fill, line, stored

PAGE, STORED = DOCS / "dispatch.md", DOCS / "dispatch.json"
TEXT = Path(__file__).with_name("page.md")

Run = Mapping[str, Any]  # of one server; see __main__.py


def stored_runs() -> list[dict[str, Any]]:
    """Return the stored runs, one per LiveKit server, the newest server first."""
    runs: list[dict[str, Any]] = stored(STORED)["runs"]
    return runs


def render(runs: list[dict[str, Any]]) -> str:
    main, *others = runs
    seconds = [s for row in main["rows"].values() for s in row["seconds"] if s is not None]
    return fill(
        TEXT,
        setting=_setting(main),
        patience=PATIENCE,
        gone=GONE,
        seconds=f"{median(seconds):.1f}",
        tables="\n\n".join(_tables(main)),
        others="\n\n".join(_beside(main, other) for other in others) or "None was tested.",
    )


def _setting(run: Run) -> str:
    dates = sorted({row["date"] for row in run["rows"].values()})
    when = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
    return (
        f"livekit-server {run['server']} with livekit-agents {' and '.join(run['sdks'])}, "
        f"Python {run['python']}, {run['cores']} cores, {when}"
    )


def _tables(run: Run) -> Iterator[str]:
    for title, cases in GROUPS.items():
        head = line("What is done", *run["sdks"], "Verdict")
        rows = (
            line(case.words, *_outcomes(run["rows"][case.slug]), _verdict(case, run))
            for case in cases
            if case.slug in run["rows"]
        )
        yield "\n".join((f"## {title}\n", head, "|---|---|---|---|", *rows))


def _outcomes(row: Mapping[str, Any]) -> Iterator[str]:
    for outcome, detail in zip(row["outcomes"], row["details"], strict=True):
        yield f"{outcome} ({detail})" if detail else outcome


def _verdict(case: Case, run: Run) -> str:
    """Return the verdict, unless the run's outcomes differ from those it was written for."""
    outcomes = run["rows"][case.slug]["outcomes"]
    parts = []
    if case.guide and outcomes[0] == case.guide.outcome:
        parts.append("As the guide says.")
    elif case.guide:
        parts.append(f"**Not as the guide says** (“{case.guide.says}”).")
    if tuple(outcomes) == case.expected:
        parts.append(case.verdict)
    else:
        parts.append(f"**Differs from what was measured before** ({'; '.join(case.expected)}).")
    return " ".join(parts)


def _beside(main: Run, other: Run) -> str:
    """Compare another server row by row."""
    rows = [
        line(CASES[slug].words, *_outcomes(row))
        for slug, row in other["rows"].items()
        if row["outcomes"] != main["rows"][slug]["outcomes"]
    ]
    if not rows:
        return f"Same results on {_setting(other)}."
    head = line("What is done", *other["sdks"])
    text = f"Same results on {_setting(other)}, except:"
    return "\n".join((f"{text}\n", head, "|---|---|---|", *rows))
