"""Make docs/demo.gif, the moving picture in README, from a real run of script/demo.

    script/uv run --group benchmark python -m script.picture

Takes about a minute. Pauses in which nothing changes are shortened.
"""

import json
import re
import subprocess
import tempfile
import time
from pathlib import Path

from PIL import Image

from tests.baking import TEMPLATE, clean_environment

PICTURE = TEMPLATE / "docs" / "demo.gif"


def run(folder: Path) -> list[float]:
    """Run the demo in `folder`, write the frames into it, and return their seconds."""
    env = clean_environment(PYTHONUNBUFFERED="1", TMPDIR=str(folder))
    lines: list[tuple[float, str]] = []
    with subprocess.Popen(
        [str(TEMPLATE / "script" / "demo")], cwd=folder, env=env, stdout=subprocess.PIPE, text=True
    ) as demo:
        assert demo.stdout
        for line in demo.stdout:
            lines.append((time.time(), line))
            if line.startswith("5."):
                break
        printed = "".join(line for _, line in lines)
        (log,) = re.findall(r"log: (.*)", printed)
        (backend,) = re.findall(r"http://\S+", printed)
        home = re.compile("|".join(map(re.escape, (str(folder), str(Path.home())))))
        lines = [(at, home.sub("~", line)) for at, line in lines]
        (folder / "demo.json").write_text(json.dumps(lines), encoding="utf-8")
        project = folder / "my-agent"
        script = Path(__file__).with_name("in_project.py")
        subprocess.run(
            ["uv", "run", "--quiet", "python", str(script), backend, log, str(folder)],
            cwd=project,
            env=clean_environment(PYTHONPATH=str(project)),
            check=True,
        )
        demo.terminate()
    durations: list[float] = json.loads((folder / "durations.json").read_text(encoding="utf-8"))
    return durations


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        durations = run(folder)
        frames = [Image.open(folder / f"{n:03}.png").convert("RGB") for n in range(len(durations))]
        palette = frames[-1].quantize(255, dither=Image.Dither.NONE)
        images = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    images[0].save(
        PICTURE,
        save_all=True,
        append_images=images[1:],
        duration=[round(seconds * 100) * 10 for seconds in durations],
        loop=0,
        optimize=False,
    )
    print(
        f"{PICTURE}: {len(images)} frames, {sum(durations):.0f} s, {PICTURE.stat().st_size} bytes"
    )


if __name__ == "__main__":
    main()
