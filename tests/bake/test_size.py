"""A default bake stays small enough for its owner to read."""

import re
import subprocess
import sys

from hooks.post_gen_project import files
from tests.baking import PROJECT, TEMPLATE, BakedProject

LINES = 7_710  # of all files
LINES_OF_APP = 3_283  # of Python; the aim is 3,000
DISPATCH_MARKERS_IN_APP = 25
SCARS = 8  # where a removed argument has left a call on several lines
DISPATCH_MARKER = re.compile(r"(?:#|//|<!--) (?:begin |file )?only [\w. ]*(?:automatic|explicit)")
JOIN = (
    *("--config", "format.skip-magic-trailing-comma=true"),
    *("--config", "lint.isort.split-on-trailing-comma=false"),
)


def test_a_default_bake_is_small(automatic: BakedProject) -> None:
    contents = {path: (automatic.path / path).read_bytes() for path in automatic.files}
    counts = {path: text.count(b"\n") for path, text in contents.items() if b"\0" not in text}
    in_app = {p: n for p, n in counts.items() if p.startswith("app/") and p.endswith(".py")}
    largest = sorted(in_app.items(), key=lambda item: -item[1])[:10]
    assert sum(counts.values()) <= LINES
    assert sum(in_app.values()) <= LINES_OF_APP, largest


def test_both_readmes_are_short(automatic: BakedProject) -> None:
    for folder, lines, words in ((TEMPLATE, 90, 700), (automatic.path, 120, 1000)):
        text = (folder / "README.md").read_text(encoding="utf-8")
        assert text.count("\n") <= lines
        assert len(text.split()) <= words


def test_the_app_has_few_markers_of_dispatch() -> None:
    texts = ((PROJECT / "app" / path).read_bytes().decode() for path in files(PROJECT / "app"))
    assert sum(len(DISPATCH_MARKER.findall(text)) for text in texts) <= DISPATCH_MARKERS_IN_APP


def test_few_calls_show_that_an_argument_was_removed(automatic: BakedProject) -> None:
    command = (sys.executable, "-m", "ruff", "format", "--no-cache", "--diff", *JOIN, ".")
    printed = subprocess.run(
        command, cwd=automatic.path, capture_output=True, text=True, check=False
    ).stdout
    assert len(re.findall("(?m)^@@", printed)) <= SCARS, printed
