"""Print docs/causes.md, from the tables of livekit-doctor and the code of a project's own doctor.

script/uv run python script/causes_page.py > docs/causes.md
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from livekit_doctor import causes  # noqa: E402
from livekit_doctor.finding import Cause  # noqa: E402

APP = ROOT / "{{cookiecutter.project_slug}}" / "app"
HEAD = """\
# Why no agent joins: the causes

What `livekit-doctor` and `python -m app.doctor` of a baked project can find, and what to do about
it. Each heading is the `cause` of a finding. What LiveKit and others write themselves stands below
it, so that a search for the line that you see leads here.

`script/causes_page.py` makes this page from the code.
"""
LIVE = "In a running project"
# What pydantic itself says about a setting; the rest is in app/settings.py.
TYPES = (
    *("int_parsing", "float_parsing", "bool_parsing", "literal_error", "greater_than"),
    *("greater_than_equal", "less_than_equal", "finite_number", "pattern_regex"),
)
CANNOT_START = "Neither the worker nor the token backend starts."
CORRECT = "Correct it in .env, or in the shell; .env.example describes it."


@dataclass(frozen=True)
class Live:
    """A cause that a project's own doctor can find, as its code says it; `…` stands for a value."""

    id: str
    seen: str
    means: str
    advice: str


def live_causes() -> Iterator[Live]:
    """Yield the causes that app/doctor and app/settings.py name."""
    for path in sorted((APP / "doctor").glob("*.py")):
        yield from Reader(ast.parse(path.read_text("utf-8"))).causes()
    of_settings = Reader(ast.parse((APP / "settings.py").read_text("utf-8")))
    for call in of_settings.calls("PydanticCustomError"):
        kind, message = map(of_settings.text, call.args[:2])
        yield Live(f"settings-{kind}", f"A setting {message}.", CANNOT_START, CORRECT)
    for kind in TYPES:
        words = kind.replace("_", " ")
        yield Live(
            f"settings-{kind}", f"A setting has a wrong value ({words}).", CANNOT_START, CORRECT
        )


class Reader:
    """Reads the calls in a module that make findings."""

    def __init__(self, module: ast.Module) -> None:
        self.module = module
        self.values: dict[str, list[ast.expr]] = {}
        for node in ast.walk(module):
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    self.assign(target, node.value)

    def assign(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Name):
            self.values.setdefault(target.id, []).append(value)
        elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            for name, part in zip(target.elts, value.elts, strict=True):
                self.assign(name, part)

    def calls(self, *names: str) -> Iterator[ast.Call]:
        for node in ast.walk(self.module):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in names:
                yield node

    def causes(self) -> Iterator[Live]:
        for call in self.calls("problem", "warning", "Finding"):
            arguments = call.args
            if ast.unparse(call.func) == "Finding":
                arguments = call.args[2:]
            cause = arguments[0] if len(arguments) > 1 else None
            if isinstance(cause, ast.Constant) and cause.value:
                yield Live(str(cause.value), *self.texts(arguments[1:]))
            elif isinstance(cause, ast.Name):
                # Which cause it is was decided above, together with the sentence.
                sentences = self.values.get("seen", [])
                for value in self.values.get(cause.id, []):
                    seen = [s for s in sentences if s.lineno == value.lineno]
                    yield Live(self.text(value), *self.texts([*seen[:1], *arguments[2:]]))

    def texts(self, arguments: list[ast.expr]) -> tuple[str, str, str]:
        """Return what is seen, what it means, and what to do; empty if only known later."""
        texts = [self.text(argument) for argument in arguments[:3]] + ["", "", ""]
        seen, means, advice = ("" if text.strip("…. ") == "" else text for text in texts[:3])
        return seen, means, advice

    def text(self, node: ast.expr, depth: int = 0) -> str:
        """Return the text that an expression makes, with `…` for what is known only later."""
        if isinstance(node, ast.FormattedValue):
            node = node.value
        if isinstance(node, ast.Constant):
            return str(node.value)
        if isinstance(node, ast.JoinedStr):
            return "".join(self.text(part, depth) for part in node.values)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return self.text(node.left, depth) + self.text(node.right, depth)
        if isinstance(node, ast.IfExp):
            return self.text(node.body, depth)
        if isinstance(node, ast.Name) and depth < 3:
            before = [v for v in self.values.get(node.id, []) if v.lineno < node.lineno]
            if before:
                return self.text(max(before, key=lambda value: value.lineno), depth + 1)
        return "…"


def page() -> str:
    """Return the text of docs/causes.md."""
    parts: dict[str, list[str]] = {}
    index: dict[str, list[str]] = {}
    for where, table in causes.tables().items():
        for cause in table:
            parts.setdefault(cause.id, []).append(part(cause, where))
            index.setdefault(where, []).append(cause.id)
    for live in live_causes():
        parts.setdefault(live.id, []).append(live_part(live))
        if live.id not in index.setdefault(LIVE, []):
            index[LIVE].append(live.id)
    lists = [
        f"**{where}:** {', '.join(f'[{c}](#{c})' for c in ids)}\n" for where, ids in index.items()
    ]
    sections = [f"## {cause}\n\n" + "\n\n".join(texts) + "\n" for cause, texts in parts.items()]
    return "\n".join((HEAD, *lists, *sections))


def part(cause: Cause, where: str) -> str:
    """Return what the page says about a cause, as one of the tables has it."""
    lines = [f"**{where}: {cause.title.rstrip('.')}.**"]
    if cause.wording:
        lines += ["", "```", *cause.wording, "```"]
    lines += ["", cause.means, "", f"*What to do:* {cause.advice}"]
    if cause.command:
        lines += ["", "```sh", cause.command, "```"]
    return "\n".join((*lines, "", f"*Measured:* {cause.measured.rstrip('.')}."))


def live_part(live: Live) -> str:
    lines = [f"**{LIVE}:** {live.seen or 'see the finding itself.'}"]
    lines += [text for text in (live.means, live.advice and f"*What to do:* {live.advice}") if text]
    return "\n\n".join(lines)


if __name__ == "__main__":
    print(page(), end="")
