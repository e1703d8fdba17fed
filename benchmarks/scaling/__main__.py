"""What a worker and its conversations cost, and how the wait for an agent grows with the rooms.

    uv run --group benchmark python -m benchmarks.scaling

Takes about ten minutes, and writes docs/scaling.md, scaling.json and scaling.svg. With `--render`,
only writes the page, from the stored run.
"""

import json
import re
import sys
import time
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from benchmarks.baked import lines_of
from benchmarks.scaling.page import PAGE, PICTURE, STORED, render, stored_run
from tests.baking import PROJECT


def main() -> None:
    if sys.argv[1:] != ["--render"]:
        run = measure()
        STORED.write_text(json.dumps(run, indent=2) + "\n", encoding="utf-8")
        draw(run["curve"])
    PAGE.write_text(render(stored_run()), encoding="utf-8")


def measure() -> dict[str, Any]:
    server = re.findall(r'VERSION = "(.+)"', (PROJECT / "dev/livekit_server.py").read_text())
    run: dict[str, Any] = {
        "date": time.strftime("%Y-%m-%d"),
        "agents": version("livekit-agents"),
        "server": server[0],
        "resources": [],
        "curve": [],
    }
    for line in lines_of("scaling/in_project.py"):
        if line.startswith('{"what"'):
            print(line, end="", flush=True)
            measured = json.loads(line)
            run["curve" if measured["what"] == "curve" else "resources"].append(measured)
    fleet = "".join(lines_of("../tests/in_project/e2e/fleet.py"))
    run["fleet"] = fleet[: fleet.index(" people had")].rsplit("\n", 1)[0]
    return run


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


if __name__ == "__main__":
    main()
