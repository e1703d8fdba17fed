"""What goes wrong, what plain LiveKit does then, and what a baked project does: a table.

    uv run python -m benchmarks.reliability

Each fault happens on a real LiveKit server, once with DISPATCH_ENSURE=false
and once without. Takes about ten minutes, and writes the table into docs/reliability.md.
"""

import re

from benchmarks.baked import lines_of
from tests.baking import TEMPLATE

PAGE = TEMPLATE / "docs" / "reliability.md"
HEAD = "| What goes wrong | Plain LiveKit | This project |\n|---|---|---|\n"


def main() -> None:
    rows = []
    for line in lines_of("reliability_in_project.py"):
        if line.startswith("| "):
            rows.append(line)
            print(line, end="", flush=True)
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(re.sub(r"(?m)(^\|.*\n)+", HEAD + "".join(rows), text, count=1))


if __name__ == "__main__":
    main()
