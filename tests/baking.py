"""Bake projects with the cookiecutter command, as a person does, and run commands in them."""

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hooks.post_gen_project import CHOICES, keep_chosen

TEMPLATE = Path(__file__).parents[1]
PROJECT = TEMPLATE / "{{cookiecutter.project_slug}}"
MORE_TESTS = TEMPLATE / "tests" / "in_project"
CLEANUP_SECONDS = 60
PROMPTS: dict[str, Any] = json.loads((TEMPLATE / "cookiecutter.json").read_text(encoding="utf-8"))


def clean_environment(**more: str) -> dict[str, str]:
    """Return the environment without variables that would leak into a baked project's programs."""
    livekit = ("LIVEKIT_AGENT", "LIVEKIT_URL", "LIVEKIT_API", "LIVEKIT_INFERENCE")
    ours = ("WORKER_", "DISPATCH_", "TOKEN_", "ASSISTANT_", "OPENAI_", "OTEL_")
    others = ("VIRTUAL_ENV", "PYTHON")
    removed = livekit + ours + others
    kept = {k: v for k, v in os.environ.items() if not k.startswith(removed)}
    if utf8 := os.environ.get("PYTHONUTF8"):  # these tests read output as UTF-8
        kept["PYTHONUTF8"] = utf8
    return kept | more


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """Return a free port, lower than those that systems give to clients, WebRTC's among them."""
    while True:
        with socket.socket(socket.AF_INET, kind) as sock, suppress(OSError):
            sock.bind(("127.0.0.1", random.randrange(10_000, 32_768)))
            return int(sock.getsockname()[1])


class Refused(Exception):
    """cookiecutter created no project. The message is what it printed."""


def printed_by(folder: Path, *command: str, **env: str) -> str:
    """Run a command in `folder`, which must succeed, and return what it printed.

    It prints into a file, as a process that it leaves behind would keep a pipe open.
    """
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=clean_environment(**env),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            process.wait()
        finally:
            if process.poll() is None:  # pytest-timeout has ended the wait
                process.send_signal(signal.SIGINT)  # it prints where it hangs, and cleans up
                with suppress(subprocess.TimeoutExpired):
                    process.wait(CLEANUP_SECONDS)
                process.kill()
            output.seek(0)
            printed = output.read()
            print(printed)
    assert process.returncode == 0, printed[-3000:]
    return printed


@dataclass(frozen=True)
class BakedProject:
    """A baked project.

    Attributes:
        path: its folder.
        printed: what the bake printed.
        answers: the choices that it was baked with.
    """

    path: Path
    printed: str
    answers: Mapping[str, str] = field(default_factory=dict)

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
        """Run a command in the project's folder and environment, and return what it printed.

        The command must succeed.
        """
        return printed_by(self.path, "uv", "run", "--quiet", *command, **env)


def bake(
    output: Path,
    template: Path | str = TEMPLATE,
    env: Mapping[str, str] | None = None,
    options: Sequence[str] = (),
    **answers: str,
) -> BakedProject:
    """Bake into `output` with `answers`, and defaults for the other prompts.

    Raises:
        Refused: no project was created.
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
    (project,) = set(output.iterdir()) - before
    chosen = {question: answers.get(question, words[0]) for question, words in CHOICES.items()}
    return BakedProject(project, result.stdout, chosen)


def add_tests(project: BakedProject) -> BakedProject:
    """Add the tests in tests/in_project to those of `project`, for its answers; return it."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(MORE_TESTS, Path(folder, "tests"))
        keep_chosen(Path(folder), {**project.answers, "license": ""})
        shutil.copytree(folder, project.path, dirs_exist_ok=True)
    return project


def unbaked(folder: Path) -> Path:
    """Copy the unbaked project with the tests in tests/in_project into `folder`."""
    copy = shutil.copytree(PROJECT, folder / "unbaked")
    return shutil.copytree(MORE_TESTS, copy / "tests", dirs_exist_ok=True).parent


def demo(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `script/demo` in `folder`, as a newcomer does."""
    return subprocess.run(
        [str(TEMPLATE / "script" / "demo"), *arguments],
        cwd=folder,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
