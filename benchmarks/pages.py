"""Pages of docs/ that are rendered from a stored run and a hand-written page.md."""

import json
from pathlib import Path
from string import Template
from typing import Any

from tests.baking import TEMPLATE

DOCS = TEMPLATE / "docs"


def stored(run: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(run.read_text(encoding="utf-8"))
    return loaded


def fill(text: Path, **values: object) -> str:
    """Return the text with its `$placeholders` replaced."""
    return Template(text.read_text(encoding="utf-8")).substitute(values)


def line(*cells: str) -> str:
    """Return a line of a Markdown table."""
    return f"| {' | '.join(cells)} |"
