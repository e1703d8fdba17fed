"""How long a bake takes, compared with a template that contains a single file.

    uv run python -m benchmarks.bake

They take turns, and the fastest run of each counts, because a busy machine only adds time.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.baking import TEMPLATE

ROUNDS = 15


def seconds_to_bake(template: Path, output: Path) -> float:
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "cookiecutter", str(template), "--no-input", "-o", str(output)],
        check=True,
        capture_output=True,
    )
    return time.perf_counter() - started


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder) / "empty"
        (empty / "{{cookiecutter.name}}").mkdir(parents=True)
        (empty / "{{cookiecutter.name}}" / "file").touch()
        (empty / "cookiecutter.json").write_text(json.dumps({"name": "project"}))
        times: dict[Path, list[float]] = {empty: [], TEMPLATE: []}
        for number in range(ROUNDS):
            for template, measured in times.items():
                output = Path(folder) / f"{template.name}-{number}"
                output.mkdir()
                measured.append(seconds_to_bake(template, output))
    peer, ours = (min(measured) for measured in times.values())
    print(f"an empty template: {peer:.2f} s, this one: {ours:.2f} s, ratio {ours / peer:.2f}")


if __name__ == "__main__":
    main()
