"""What a worker and its conversations cost, and how the wait for an agent grows with the rooms.

    uv run --group benchmark python -m benchmarks.scaling

Takes about 25 minutes, and writes docs/scaling.md, scaling.json, scaling.svg and talking.svg. With
`--talking`, measures only conversations in which people speak (15 minutes, needs two cores that
nothing else uses), and keeps the rest of the stored run. With `--render`, only writes the page.
"""

import argparse
import json
import re
import time
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import Any

from benchmarks.baked import lines_of
from benchmarks.scaling.page import (
    PAGE,
    PICTURE,
    STORED,
    TALKING_PICTURE,
    render,
    stored_run,
)
from benchmarks.scaling.talking import OFFLINE, OURS, STARTER, Shape
from tests.baking import PROJECT


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling")
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--talking", action="store_true", help="only where people speak")
    choice.add_argument("--render", action="store_true", help="only write docs/scaling.md")
    arguments = parser.parse_args()
    if not arguments.render:
        run = stored_run() if arguments.talking else measure()
        run["talking"] = measure_talking()
        STORED.write_text(json.dumps(run, indent=2) + "\n", encoding="utf-8")
        if not arguments.talking:
            draw(run["curve"])
        draw_talking(run["talking"]["rows"])
    PAGE.write_text(render(stored_run()), encoding="utf-8")


def releases() -> dict[str, Any]:
    """Return today's date, and what is measured."""
    server = re.findall(r'VERSION = "(.+)"', (PROJECT / "dev/livekit_server.py").read_text())
    return {
        "date": time.strftime("%Y-%m-%d"),
        "agents": version("livekit-agents"),
        "server": server[0],
    }


def measure() -> dict[str, Any]:
    run: dict[str, Any] = {**releases(), "resources": [], "curve": []}
    for measured in measurements("scaling/in_project.py"):
        if measured["what"] == "start":
            run["start"] = measured
        else:
            run["curve" if measured["what"] == "curve" else "resources"].append(measured)
    fleet = "".join(lines_of("tests.e2e.fleet"))
    run["fleet"] = fleet[: fleet.index(" people had")].rsplit("\n", 1)[0]
    return run


def measure_talking() -> dict[str, Any]:
    part = "scaling/in_pipeline.py"
    return {
        **releases(),
        "rows": [
            *measurements(part, OURS, STARTER, assistant="pipeline"),
            *measurements(part, OFFLINE, assistant="offline"),
        ],
    }


def measurements(part: str, *shapes: str, **answers: str) -> Iterator[dict[str, Any]]:
    """Run this part of the benchmark in a project; yield what it measures."""
    for line in lines_of(part, *shapes, **answers):
        if line.startswith('{"what"'):  # workers also log JSON
            print(line, end="", flush=True)
            yield json.loads(line)


def draw(curve: Sequence[dict[str, Any]]) -> None:
    import matplotlib.pyplot as plt  # only here, because the page is rendered without it

    figure, axes = plt.subplots(figsize=(6, 3.2), layout="constrained")
    rooms = [row["rooms"] for row in curve]
    axes.plot(rooms, [row["median"] for row in curve], "o-", label="median of ten")
    axes.plot(rooms, [row["worst"] for row in curve], ".--", label="worst of ten")
    first = curve[0]
    linear = [first["median"] * count / first["rooms"] for count in rooms]
    axes.plot(rooms, linear, ":", color="grey", label="linear in the rooms")
    axes.set(xlabel="rooms open, one worker", ylabel="seconds to the agent", yscale="log")
    axes.legend()
    figure.savefig(PICTURE, metadata={"Date": None})


def draw_talking(rows: Sequence[dict[str, Any]]) -> None:
    import matplotlib.pyplot as plt  # only here, because the page is rendered without it

    figure, axes = plt.subplots(figsize=(6, 3.2), layout="constrained")
    for name, style in ((OURS, "o-"), (STARTER, "s--")):
        levels = [row for row in Shape.of(rows, name).levels if row["median"]]
        counts = [row["conversations"] for row in levels]
        medians, worst = ([row[which] for row in levels] for which in ("median", "worst"))
        (curve,) = axes.plot(counts, medians, style, label=f"{name}, median")
        axes.plot(counts, worst, ".:", color=curve.get_color(), label=f"{name}, worst")
    axes.set(
        xlabel="conversations, one worker on one core",
        ylabel="seconds from end of speech\nto first audio",
        ylim=(0, None),
    )
    axes.legend()
    figure.savefig(TALKING_PICTURE, metadata={"Date": None})


if __name__ == "__main__":
    main()
