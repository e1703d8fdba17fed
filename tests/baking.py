"""Bakes projects as a person does, with the cookiecutter command, and speaks to what came out."""

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TEMPLATE = Path(__file__).parents[1]
PROJECT = TEMPLATE / "{{cookiecutter.project_slug}}"
PROMPTS: dict[str, Any] = json.loads((TEMPLATE / "cookiecutter.json").read_text(encoding="utf-8"))


def clean_environment(**more: str) -> dict[str, str]:
    """The environment without what would leak from this one into a baked project's programs."""
    livekit = ("LIVEKIT_AGENT", "LIVEKIT_URL", "LIVEKIT_API", "LIVEKIT_INFERENCE")
    ours = ("WORKER_", "DISPATCH_", "TOKEN_", "ASSISTANT_", "OPENAI_", "OTEL_")
    others = ("VIRTUAL_ENV", "PYTHON")
    kept = {n: v for n, v in os.environ.items() if not n.startswith(livekit + ours + others)}
    if utf8 := os.environ.get("PYTHONUTF8"):  # how these tests read what a program prints
        kept["PYTHONUTF8"] = utf8
    return kept | more


class Refused(Exception):
    """cookiecutter ended without a project; the message is what it printed."""


def printed_by(folder: Path, *command: str, **env: str) -> str:
    """Runs a command in `folder`, which has to succeed; gives what it printed."""
    result = subprocess.run(
        command,
        cwd=folder,
        env=clean_environment(**env),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    print(result.stdout)
    assert result.returncode == 0, result.stdout[-3000:]
    return result.stdout


@dataclass(frozen=True)
class BakedProject:
    """A project that a bake has made.

    Attributes:
        path: its folder.
        printed: what the bake printed.
    """

    path: Path
    printed: str

    def read(self, name: str) -> str:
        return (self.path / name).read_text(encoding="utf-8")

    @property
    def pyproject(self) -> dict[str, Any]:
        return tomllib.loads(self.read("pyproject.toml"))

    @property
    def files(self) -> set[str]:
        """The paths of all its files."""
        return {p.relative_to(self.path).as_posix() for p in self.path.rglob("*") if p.is_file()}

    def run(self, *command: str, **env: str) -> str:
        """Runs a command of the project's own environment in its folder, which has to succeed.

        Returns:
            what it printed.
        """
        return printed_by(self.path, "uv", "run", "--quiet", *command, **env)


def bake(
    output: Path,
    template: Path = TEMPLATE,
    env: Mapping[str, str] | None = None,
    options: Sequence[str] = (),
    **answers: str,
) -> BakedProject:
    """Bakes into `output` with `answers`; the other prompts get their defaults.

    Raises:
        Refused: no project was made.
    """
    before = set(output.iterdir())
    result = subprocess.run(
        [
            *(sys.executable, "-m", "cookiecutter", str(template)),
            *("--no-input", "--output-dir", str(output), *options),
            *(f"{prompt}={answer}" for prompt, answer in answers.items()),
        ],
        env=clean_environment(**env or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    if result.returncode:
        raise Refused(result.stdout)
    (made,) = set(output.iterdir()) - before
    return BakedProject(made, result.stdout)
