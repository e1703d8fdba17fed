"""Write docs/scaling.md from the stored run and the hand-written page.md."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.pages import DOCS, fill, line, stored

PAGE, STORED, PICTURE = DOCS / "scaling.md", DOCS / "scaling.json", DOCS / "scaling.svg"
TEXT = Path(__file__).with_name("page.md")

CORES, MEMORY_MB = 4, 16_000  # of a machine
CORES_USED, MEMORY_USED = 0.5, 0.75  # the targets of deploy/kubernetes
SIZES = (10_000, 1_000_000)  # rooms


def stored_run() -> dict[str, Any]:
    return stored(STORED)


def render(run: Mapping[str, Any]) -> str:
    usual = run["resources"][0]
    return fill(
        TEXT,
        date=run["date"],
        agents=run["agents"],
        server=run["server"],
        resources=table(
            (
                "A worker",
                "at rest, MB",
                "each conversation, MB",
                "at rest, cores",
                "each conversation, cores",
            ),
            (
                (
                    row["what"],
                    f"{row['rest']:.0f}",
                    f"{row['job']:.0f}",
                    f"{row['rest_cores']:.3f}",
                    f"{row['job_cores']:.4f}",
                )
                for row in run["resources"]
            ),
        ),
        per_gb=math.floor(1000 / usual["job"]),
        per_core=math.floor(1 / usual["job_cores"]),
        rest=f"{usual['rest']:.0f}",
        curve=table(
            ("Rooms open", "Median, s", "Worst of ten, s", "Median, as a multiple of the first"),
            (
                (
                    row["rooms"],
                    f"{row['median']:.2f}",
                    f"{row['worst']:.2f}",
                    f"{row['median'] / run['curve'][0]['median']:.1f}",
                )
                for row in run["curve"]
            ),
        ),
        most_rooms=run["curve"][-1]["rooms"],
        fleet=run["fleet"],
        arithmetic=arithmetic(usual),
    )


def arithmetic(usual: Mapping[str, float]) -> str:
    by_cores = CORES * CORES_USED / usual["job_cores"]
    by_memory = (MEMORY_MB * MEMORY_USED - usual["rest"]) / usual["job"]
    capacity = math.floor(min(by_cores, by_memory))
    servers = CORES * CORES_USED / usual["server_cores"]
    return table(
        (
            "Rooms",
            "Conversations per machine",
            "Machines for workers",
            "Machines for LiveKit servers",
        ),
        (
            (
                f"{rooms:,}",
                f"{capacity} ({by_cores:.0f} by CPU, {by_memory:.0f} by memory)",
                f"{math.ceil(rooms / capacity):,}",
                f"{math.ceil(rooms / servers):,}",
            )
            for rooms in SIZES
        ),
    )


def table(head: Any, rows: Any) -> str:
    return "\n".join(line(*map(str, cells)) for cells in (head, ["---"] * len(head), *rows))
