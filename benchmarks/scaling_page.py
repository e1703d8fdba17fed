"""docs/scaling.md: the stored run, and scaling_page.md, which is kept by hand."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any

from benchmarks.dispatch_page import line

HERE = Path(__file__).parent
DOCS = HERE.parent / "docs"
PAGE, STORED, PICTURE = DOCS / "scaling.md", DOCS / "scaling.json", DOCS / "scaling.svg"
TEXT = HERE / "scaling_page.md"

CORES, MEMORY = 4, 16_000  # of a machine; megabytes
CORES_USED, MEMORY_USED = 0.5, 0.75  # as deploy/kubernetes aims at
SIZES = (10_000, 1_000_000)  # rooms


def stored_run() -> dict[str, Any]:
    run: dict[str, Any] = json.loads(STORED.read_text(encoding="utf-8"))
    return run


def render(run: Mapping[str, Any]) -> str:
    usual = run["resources"][0]
    return Template(TEXT.read_text(encoding="utf-8")).substitute(
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
    by_memory = (MEMORY * MEMORY_USED - usual["rest"]) / usual["job"]
    each = math.floor(min(by_cores, by_memory))
    servers = CORES * CORES_USED / usual["server_cores"]
    return table(
        (
            "Rooms",
            "Conversations a machine holds",
            "Machines for workers",
            "Machines for LiveKit servers",
        ),
        (
            (
                f"{rooms:,}",
                f"{each} ({by_cores:.0f} by processor, {by_memory:.0f} by memory)",
                f"{math.ceil(rooms / each):,}",
                f"{math.ceil(rooms / servers):,}",
            )
            for rooms in SIZES
        ),
    )


def table(head: Any, rows: Any) -> str:
    return "\n".join(line(*map(str, cells)) for cells in (head, ["---"] * len(head), *rows))
