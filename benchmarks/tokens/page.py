"""Write docs/token-backend.md from the stored run and the hand-written page.md."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.pages import DOCS, fill, line, stored

PAGE, STORED = DOCS / "token-backend.md", DOCS / "token-backend.json"
TEXT = Path(__file__).with_name("page.md")

# Our token backend in three situations, and plain ones after LiveKit's documentation.
OURS = (
    "ours, with sign-in",
    "ours, without sign-in: it checks the Host header",
    "ours, with sign-in and 100,000 known addresses",
)
PEERS = ("FastAPI", "Express", "Flask (gunicorn, gthread)")


def stored_run() -> dict[str, Any]:
    return stored(STORED)


def times(run: Mapping[str, Any], peer: str) -> float:
    """Return how many times as many requests ours serves at least, of all situations and runs."""
    runs: list[dict[str, float]] = run["runs"]
    return min(costs[peer] / max(costs[ours] for ours in OURS) for costs in runs)


def render(run: Mapping[str, Any]) -> str:
    rows = [line(peer, f"{math.floor(times(run, peer) * 10) / 10} times as many") for peer in PEERS]
    costs = [
        line(name, *(f"{costs[name]:.0f} µs" for costs in run["runs"])) for name in (*OURS, *PEERS)
    ]
    return fill(
        TEXT,
        date=run["date"],
        python=run["python"],
        versions=", ".join(f"{name} {number}" for name, number in run["versions"].items()),
        rows="\n".join(rows),
        costs="\n".join(costs),
        memory=run["memory_mb"],
    )
