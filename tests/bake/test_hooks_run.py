"""The hooks in a real bake."""

import re
import shutil
from pathlib import Path

import pytest

from tests.baking import PROJECT, TEMPLATE, Refused, bake, printed_by

NO_NETWORK = """
import socket

def refuse(*arguments, **more):
    raise AssertionError("a bake used the network")

socket.socket.connect = socket.getaddrinfo = refuse
"""


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """A copy of this template that a test can change."""
    template = tmp_path / "template"
    for part in ("hooks", PROJECT.name):
        shutil.copytree(TEMPLATE / part, template / part)
    shutil.copy(TEMPLATE / "cookiecutter.json", template)
    return template


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("app/agent.py", 'AGENT_NAME = "other"'),
        ("app/dispatch/names.py", 'RoomConfiguration().agents.add(agent_name="other")'),
        (".env.example", "LIVEKIT_AGENT_NAME=other"),
    ],
)
def test_a_template_that_sets_an_agent_name_bakes_nothing(
    tmp_path: Path, template: Path, file: str, line: str
) -> None:
    (output := tmp_path / "output").mkdir()
    changed = template / PROJECT.name / file
    changed.write_text(f"{changed.read_text(encoding='utf-8')}{line}\n", encoding="utf-8")
    with pytest.raises(Refused, match=rf"{re.escape(file)}:\d+: {re.escape(line)}"):
        bake(output, template)
    assert not list(output.iterdir())


@pytest.mark.parametrize("marker", ["# only explcit", "# begin only explcit"])
def test_a_misspelt_marker_bakes_nothing(tmp_path: Path, template: Path, marker: str) -> None:
    (output := tmp_path / "output").mkdir()
    changed = template / PROJECT.name / "app" / "agent.py"
    text = changed.read_text(encoding="utf-8")
    changed.write_text(f"{text}{marker}\n", encoding="utf-8")
    line = 1 + text.count("\n")
    with pytest.raises(Refused, match=rf"app/agent\.py:{line}: '{marker}' looks like a marker"):
        bake(output, template)
    assert not list(output.iterdir())


def test_a_second_bake_into_the_same_folder_overwrites_nothing(tmp_path: Path) -> None:
    project = bake(tmp_path)
    (project.path / "app" / "assistant.py").write_text("mine")
    before = {name: (project.path / name).read_bytes() for name in project.files}
    with pytest.raises(Refused, match=r"project_slug: .* contains files"):
        bake(tmp_path, options=("--overwrite-if-exists",))
    assert before == {name: (project.path / name).read_bytes() for name in project.files}


def test_a_bake_needs_no_network(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(NO_NETWORK)  # every Python process loads it
    output = tmp_path / "output"
    output.mkdir()
    bake(output, env={"PYTHONPATH": str(tmp_path)})


@pytest.mark.parametrize("variable", ["LIVEKIT_AGENT_NAME", "LIVEKIT_AGENT_NAME_OVERRIDE"])
def test_a_name_in_the_shell_brings_a_warning(tmp_path: Path, variable: str) -> None:
    assert f"{variable} is set in this shell" in bake(tmp_path, env={variable: "x"}).printed


def test_the_last_lines_are_the_next_steps_and_the_answers_that_may_surprise(
    tmp_path: Path,
) -> None:
    project = bake(tmp_path, license="BSD-3-Clause", author_name="Ann Example")
    assert f'cd "{project.path}"' in project.printed
    assert "uv run poe run" in project.printed
    assert project.printed.splitlines()[-1] == (
        "Made with automatic dispatch, assistant keyless, licence BSD-3-Clause, owner Ann Example."
    )


def test_a_project_without_its_hooks_says_so_first(tmp_path: Path) -> None:
    project = bake(tmp_path, options=("--accept-hooks", "no"))
    first_line = project.read("README.md").splitlines()[0]
    assert first_line.startswith("**This project is unfinished: it was created with `--accept-ho")
    with pytest.raises(AssertionError, match=r"This project is unfinished: see README\.md"):
        printed_by(project.path, "uv", "sync")
