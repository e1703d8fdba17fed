"""Answers of every kind: a working project or a clear refusal, and nothing is ever executed."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from dotenv import dotenv_values
from honcho.environ import parse

from tests.baking import TEMPLATE, Refused, bake, clean_environment

LONG = ("She said: \"it's\" 'fine' \\o/ # <b> & {ok}\n" * 8)[:300]
ODD = [
    "O'Brien's \"Fast\" Agent",
    "a''' + evil",
    'a""" + evil',
    r"C:\temp\new",
    r"ends with a backslash\ ".strip(),
    "Ünïcödé 🤖",
    "שלום עולם",
    "--help",
    "# only explicit",
    "agent_name: other",
    "$(id) `id` %PATH% ${HOME}",
    LONG,
]


@pytest.mark.parametrize("text", ODD, ids=range(len(ODD)))
def test_an_odd_text_gives_a_working_project(tmp_path: Path, text: str) -> None:
    one_line = " ".join(text.split())
    project = bake(tmp_path, project_name=text, description=text, author_name=text)
    metadata = project.pyproject["project"]
    assert metadata["description"] == one_line
    assert metadata["authors"] == [{"name": one_line}]
    assert project.read("README.md").startswith(f"# {one_line}\n\n{one_line}\n")
    assert one_line in project.read("LICENSE")
    project.run("ruff", "check", ".")  # reads pyproject.toml, as do uv and pytest
    project.run("pytest", "-q", "tests/test_settings.py")


def test_no_answer_is_executed(tmp_path: Path) -> None:
    trace = tmp_path / "executed"
    attack = f"""__import__("pathlib").Path({str(trace)!r}).touch()"""
    output = tmp_path / "output"
    output.mkdir()
    for quote in ("'''", '"""', "'", '"', "\\'''", "\n"):
        bake(
            output,
            project_slug=f"attack-{len(list(output.iterdir()))}",
            project_name=f"x{quote}); {attack}; ({quote}",
            description=f"$(touch {trace}) `touch {trace}`",
            author_name=f"{quote} + {attack} + {quote}",
        )
    assert not trace.exists()


@pytest.mark.parametrize(
    "name", ["O'Brien", "a b", "Ünïcödé 🤖", "a # only explicit", "100%", "a=b", "''"]
)
def test_an_odd_agent_name_is_read_by_every_program_as_it_was_typed(
    tmp_path: Path, name: str
) -> None:
    project = bake(tmp_path, dispatch="explicit", agent_name=name)
    assert dotenv_values(project.path / ".env")["LIVEKIT_AGENT_NAME"] == name
    assert parse(project.read(".env"))["LIVEKIT_AGENT_NAME"] == name


@pytest.mark.parametrize(
    ("prompt", "answers"),
    [
        ("project_slug", {"project_slug": "../up"}),
        ("project_slug", {"project_slug": "-x"}),
        ("project_slug", {"project_slug": "con"}),
        ("project_slug", {"project_slug": "fastapi"}),
        ("project_name", {"project_name": "  "}),
        ("description", {"description": "a\x07"}),
        ("agent_name", {"dispatch": "explicit", "agent_name": " "}),
        ("agent_name", {"dispatch": "explicit", "agent_name": "x" * 33_000}),
    ],
)
def test_a_wrong_answer_is_refused_by_name_and_leaves_nothing(
    tmp_path: Path, prompt: str, answers: dict[str, Any]
) -> None:
    output = tmp_path / "output"
    output.mkdir()
    with pytest.raises(Refused, match=f"  {prompt}: "):
        bake(output, **answers)
    assert list(tmp_path.iterdir()) == [output]
    assert not list(output.iterdir())


def test_a_folder_that_is_there_is_never_touched(tmp_path: Path) -> None:
    (tmp_path / "my-agent").mkdir()
    (tmp_path / "my-agent" / "mine").write_text("mine")
    with pytest.raises(Refused, match="already exists"):
        bake(tmp_path)
    assert [path.name for path in (tmp_path / "my-agent").iterdir()] == ["mine"]


def test_enter_at_every_prompt_bakes_the_default_project(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "cookiecutter", str(TEMPLATE), "-o", str(tmp_path)],
        input="\n" * 9,
        env=clean_environment(),
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert "Which rooms get your agent?" in result.stdout
    assert (tmp_path / "my-agent" / "app" / "agent.py").exists()
