"""The wheel bakes the projects that cookiecutter bakes from the repository."""

import os
import re
import subprocess
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from hooks.post_gen_project import files
from tests.baking import PROJECT, TEMPLATE, BakedProject, bake, clean_environment

SECRETS = re.compile(rb"(?m)^LIVEKIT_API_(?:KEY|SECRET)=.*")
Run = Callable[..., CompletedProcess[str]]


@pytest.fixture
def without_git(tmp_path: Path) -> str:
    """A PATH whose git does not work. (uvx starts commands with programs of the system.)"""
    (git := tmp_path / "bin" / "git").parent.mkdir()
    git.write_text("#!/bin/sh\nexit 127\n", encoding="utf-8")
    git.chmod(0o755)
    return f"{git.parent}{os.pathsep}{os.environ['PATH']}"


@pytest.fixture
def output(tmp_path: Path) -> Path:
    (folder := tmp_path / "output").mkdir()
    return folder


@pytest.fixture
def command(wheel: Path, output: Path, without_git: str) -> Run:
    """Run the wheel's command in the empty folder `output`, and return the result."""
    name = "cookiecutter-livekit-agent"

    def run(*arguments: str, prompts: str = "", uvx: Sequence[str] = ()) -> CompletedProcess[str]:
        return subprocess.run(
            ["uvx", "--quiet", *uvx, "--from", str(wheel), name, *arguments],
            cwd=output,
            env=clean_environment(PATH=without_git),
            input=prompts,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )

    return run


def tree(project: Path) -> dict[str, tuple[bytes, int]]:
    """Return content and mode of all files, without the secrets of `.env`."""
    return {
        path.as_posix(): (
            SECRETS.sub(b"", (project / path).read_bytes()),
            (project / path).stat().st_mode,
        )
        for path in files(project)
    }


@pytest.mark.parametrize(
    "answers",
    [
        {},
        {
            "project_slug": "front-desk",
            "dispatch": "explicit",
            "agent_name": "concierge",
            "assistant": "offline",
            "deploy": "kubernetes",
        },
    ],
    ids=["defaults", "answers"],
)
def test_the_wheel_bakes_what_the_repository_bakes(
    tmp_path: Path, output: Path, command: Run, answers: dict[str, Any]
) -> None:
    result = command(
        "--no-input", *(f"{question}={answer}" for question, answer in answers.items())
    )
    assert result.returncode == 0, result.stderr
    (project,) = output.iterdir()
    (tmp_path / "of-repository").mkdir()
    of_repository = bake(tmp_path / "of-repository", **answers)
    assert project.name == of_repository.path.name
    assert tree(project) == tree(of_repository.path)
    assert result.stdout.replace(str(project), str(of_repository.path)) == of_repository.printed


def test_the_command_asks_the_same_questions(output: Path, command: Run) -> None:
    assert command(prompts="Front Desk\n" + "\n" * 9).returncode == 0
    assert BakedProject(output / "front-desk", "").read("README.md").startswith("# Front Desk\n")


def test_bytecode_of_the_installed_template_is_not_baked(output: Path, command: Run) -> None:
    assert command("--no-input", uvx=("--compile-bytecode",)).returncode == 0
    assert not list(output.rglob("*.pyc"))


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("dispatch=both", "Error: both provided for choice variable dispatch"),
        ("project_slug=con", "  project_slug: Windows reserves this name"),
        ("agent-name=Ann", "Error: the template does not ask agent-name. Did you mean agent_name?"),
        ("room=lobby", "Error: the template does not ask room. The questions: project_name, "),
        ("__author=Ann", "Error: the template does not ask __author. Did you mean author_name?"),
        ("description=50{% off", "Error: description: Encountered unknown tag 'off'. ({{, {% and "),
        ("description={{ 1 / 0 }}", "Error: division by zero"),
        ("project_slug=" + "x" * 300, "Error: [Errno 36] File name too long"),
        ("--config-file=/nowhere", "Error: Config file /nowhere does not exist."),
        ("--output-dir=/dev/null", "Error: Unable to create directory at /dev/null/my-agent"),
    ],
)
def test_a_wrong_answer_is_a_clear_error(
    output: Path, command: Run, answer: str, error: str
) -> None:
    result = command("--no-input", answer)
    assert result.returncode == 1
    assert re.search(f"(?m)^{re.escape(error)}", result.stderr)
    assert "Traceback" not in result.stdout + result.stderr
    assert not list(output.iterdir())


def test_a_configuration_file_of_another_template_is_named(
    tmp_path: Path, output: Path, command: Run
) -> None:
    """cookiecutter alone only warns, and ignores the rest of the file: the licence would be MIT."""
    config = tmp_path / "config.yaml"
    config.write_text("default_context: {license: Proprietary license, author_name: Ann}")
    result = command("--no-input", "--config-file", str(config))
    assert result.returncode == 1
    assert "Proprietary license provided for choice variable license" in result.stderr
    assert "Traceback" not in result.stderr
    assert not list(output.iterdir())


def test_a_project_from_the_wheel_passes_its_tests_without_git(
    output: Path, command: Run, without_git: str
) -> None:
    assert command("--no-input").returncode == 0
    project = BakedProject(output / "my-agent", "")
    project.run("pytest", "-q", "--ignore", "tests/e2e", PATH=without_git)


def test_the_wheel_holds_the_template_and_no_caches(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {n for n in archive.namelist() if "dist-info" not in n}
    package = "cookiecutter_livekit_agent"
    in_template = {f"{package}/{PROJECT.name}/{path.as_posix()}" for path in files(PROJECT)}
    hooks = {f"{package}/hooks/{path.name}" for path in (TEMPLATE / "hooks").glob("*.py")}
    code = {f"{package}/{name}.py" for name in ("__init__", "__main__")}
    others = {name for name in names if not name.startswith("livekit_doctor/")}
    assert others == in_template | hooks | code | {f"{package}/cookiecutter.json"}
