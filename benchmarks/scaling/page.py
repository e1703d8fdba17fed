"""Write docs/scaling.md from the stored run and the hand-written page.md."""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.latencies import LLM, STT, TTS
from benchmarks.pages import DOCS, fill, line, stored
from benchmarks.scaling.talking import (
    ANSWER_SECONDS,
    IDLE,
    LOAD_LIMIT,
    MEMORY_USED,
    MOST_IDLE,
    OFFLINE,
    OURS,
    SHAPES,
    SLOWER_SECONDS,
    SMALL_MACHINES,
    Machine,
    Row,
    Shape,
    limit,
    symptom,
)

PAGE, STORED, PICTURE = DOCS / "scaling.md", DOCS / "scaling.json", DOCS / "scaling.svg"
TALKING_PICTURE = DOCS / "talking.svg"
TEXT = Path(__file__).with_name("page.md")

CORES, MEMORY_MB = 4, 16_000  # of a machine
CORES_USED = 0.5  # the target of deploy/kubernetes; talking.py has the one for memory
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
        start=f"{run['start']['ours']:.1f}",
        bare_start=f"{run['start']['bare']:.1f}",
        starts=run["start"]["starts"],
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
        arithmetic=arithmetic(usual, Shape.of(run["talking"]["rows"], OURS)),
        **talking(run["talking"]),
    )


def talking(run: Mapping[str, Any]) -> dict[str, object]:
    """Return the fields about conversations in which people speak."""
    shapes = {name: Shape.of(run["rows"], name) for name in SHAPES}
    ours, offline = shapes[OURS], shapes[OFFLINE]
    return {
        **{"stt": STT, "llm": LLM, "tts": TTS},
        **{"slower": SLOWER_SECONDS, "answer_seconds": ANSWER_SECONDS},
        **{"idle": MOST_IDLE, "load_limit": LOAD_LIMIT, "memory_used": f"{100 * MEMORY_USED:.0f}"},
        "choices": ", ".join(map(str, IDLE)),
        "talking_date": run["date"],
        "talking_agents": run["agents"],
        "talking_server": run["server"],
        "spoken": f"{100 * ours.levels[0]['spoken']:.0f}",
        "costs": costs(shapes.values()),
        "idle_mb": f"{ours.idle_mb:.0f}",
        "offline_idle_mb": f"{offline.idle_mb:.0f}",
        "talking_curve": talking_curve(shapes),
        "breaks": limit(ours),
        "limits": table(
            ("", "Fits on a core", "What runs out", "At", "What people notice"),
            (limit_row(shape) for shape in shapes.values()),
        ),
        "small_machines": small_machines(ours),
        "small_machines_offline": small_machines(offline),
    }


def costs(shapes: Iterable[Shape]) -> str:
    head = (
        "",
        "At rest, MB",
        "Each conversation, MB",
        "Conversations per GB",
        "Each conversation, cores",
        "Conversations per core, by CPU time",
    )
    return table(
        head,
        (
            (
                shape.name,
                f"{shape.rest_mb(MOST_IDLE):.0f}",
                f"{shape.job_mb:.0f}",
                math.floor(1000 / shape.job_mb),
                f"{shape.job_cores:.3f}",
                math.floor(1 / shape.job_cores),
            )
            for shape in shapes
            if shape.is_measured
        ),
    )


def talking_curve(shapes: Mapping[str, Shape]) -> str:
    """Return the table of levels: what each shape's people waited, and what ours cost."""
    levels = {
        name: {row["conversations"]: row for row in shape.levels} for name, shape in shapes.items()
    }
    ours = levels[OURS]
    return table(
        ("Conversations", *SHAPES, f"Cores, {OURS}", f"MB, {OURS}"),
        (
            (
                count,
                *(answers(levels[name].get(count)) for name in SHAPES),
                f"{ours[count]['worker_cores']:.2f}" if count in ours else "",
                f"{ours[count]['memory']:.0f}" if count in ours else "",
            )
            for count in sorted({count for rows in levels.values() for count in rows})
        ),
    )


def answers(row: Row | None) -> str:
    """Return the cell for the answers at a level."""
    if row is None:
        return ""
    if row["refused"]:
        return "**no agent**"
    lost = f"{row['lost']} of {row['answers']} lost" if row["lost"] else ""
    if not row["median"]:
        return f"**{lost}**"
    median = f"{row['median']:.2f}" if row["fits"] else f"**{row['median']:.2f}**"
    return ", ".join(filter(None, (f"{median} (worst {row['worst']:.2f})", lost)))


def limit_row(shape: Shape) -> tuple[object, ...]:
    tried = shape.levels[-1]["conversations"]
    most = shape.most["conversations"] if shape.is_measured else 0
    return shape.name, most, limit(shape), tried, symptom(shape)


def small_machines(shape: Shape) -> str:
    if not shape.is_measured:
        return "Not one conversation fitted in this run."
    machines = [Machine.of(shape, *size) for size in SMALL_MACHINES]
    head = (
        "Machine",
        "`WORKER_NUM_IDLE_PROCESSES`",
        "Conversations by CPU",
        "By memory",
        "So it holds",
        "One more",
    )
    return table(
        head,
        (
            (
                f"{machine.cores} core{'s' if machine.cores > 1 else ''}, {machine.mb // 1000} GB",
                machine.idle,
                machine.by_cpu,
                machine.by_memory,
                f"**{machine.conversations}**",
                machine.one_more,
            )
            for machine in machines
        ),
    )


def arithmetic(silent: Mapping[str, float], ours: Shape) -> str:
    talks = {"rest": ours.rest_mb(MOST_IDLE), "job": ours.job_mb, "job_cores": ours.job_cores}
    capacities = [capacity(silent), capacity(talks)]
    servers = CORES * CORES_USED / ours.server_cores
    return table(
        (
            "Rooms",
            "Silent conversations per machine",
            "Machines for them",
            "Talking conversations per machine",
            "Machines for them",
            "Machines for LiveKit servers",
        ),
        (
            (
                f"{rooms:,}",
                *(
                    cell
                    for most, words in capacities
                    for cell in (words, f"{math.ceil(rooms / most):,}")
                ),
                f"{math.ceil(rooms / servers):,}",
            )
            for rooms in SIZES
        ),
    )


def capacity(costs: Mapping[str, float]) -> tuple[int, str]:
    """Return how many conversations fit on a machine, and that in words."""
    by_cores = CORES * CORES_USED / costs["job_cores"]
    by_memory = (MEMORY_MB * MEMORY_USED - costs["rest"]) / costs["job"]
    most = math.floor(min(by_cores, by_memory))
    return most, f"{most} ({by_cores:.0f} by CPU, {by_memory:.0f} by memory)"


def table(head: Any, rows: Any) -> str:
    return "\n".join(line(*map(str, cells)) for cells in (head, ["---"] * len(head), *rows))
