"""Every kind of answer gives a working project or a clear error, and no hook executes any."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from dotenv import dotenv_values
from honcho.environ import parse

from tests.baking import PROMPTS, TEMPLATE, BakedProject, Refused, bake, clean_environment

TEXTS = ("project_name", "description", "author_name")
LONG = ("She said: \"it's\" 'fine' \\o/ # <b> & {ok}\n" * 8)[:300]
# An answer, and the prompts that reject it. The other prompts accept it.
HOSTILE: list[tuple[str, set[str]]] = [
    ("O'Brien", {"project_slug"}),
    ("say \"hello\" 'there'", {"project_slug", "agent_name"}),
    ("a''' + evil", {"project_slug"}),
    ('a""" + evil', {"project_slug", "agent_name"}),
    ("two\nlines", {"project_slug", "agent_name"}),
    ("two\r\nlines\tand a tab", {"project_slug", "agent_name"}),
    (r"C:\temp\new", {"project_slug", "agent_name"}),
    ("ends with a backslash\\", {"project_slug", "agent_name"}),
    ("{{7*7}}", set()),  # cookiecutter itself renders it to 49, on the command line
    ("{% raw %}x{% endraw %}", set()),  # … and this to x
    ("$(id) `id` %PATH% ${HOME}", {"project_slug", "agent_name"}),
    ("; rm -rf . #", {"project_slug"}),
    ("--help", {"project_slug"}),
    ("-x", {"project_slug"}),
    ("..", {"project_slug"}),
    ("../up", {"project_slug"}),
    ("/etc/passwd", {"project_slug"}),
    ("CON", {"project_slug"}),
    ("nul.txt", {"project_slug"}),
    ("class", set()),
    ("None", set()),
    ("fastapi", set()),
    ("# only explicit", {"project_slug"}),
    ("# only explcit", {"project_slug"}),  # not a misspelt marker: it is in an answer
    ("agent_name: other", {"project_slug"}),
    (LONG, {"project_slug", "agent_name"}),
    ("x" * 300, {"project_slug"}),
    ("x" * 33_000, {"project_slug", "agent_name"}),
    ("Ünïcödé 🤖", {"project_slug"}),
    ("שלום עולם", {"project_slug"}),
    ("\u202eevil", {"project_slug"}),  # right-to-left override
    ("a\x07", {*TEXTS, "project_slug", "agent_name"}),
    ("\u2028", {"project_slug", "agent_name", "project_name"}),
    (" ", {"project_slug", "agent_name", "project_name"}),
    ("", {"project_slug", "agent_name", "project_name"}),
]
PROMPTS_OF_WORDS = (*TEXTS, "project_slug", "agent_name")
# Folders that cookiecutter itself rejects, before any hook runs.
NO_FOLDERS = {"", "..", "/etc/passwd", "x" * 300, "x" * 33_000}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, BakedProject]:
    """A project for each kind of dispatch, with ordinary answers."""
    return {
        kind: bake(tmp_path_factory.mktemp("plain"), dispatch=kind) for kind in PROMPTS["dispatch"]
    }


@pytest.mark.skipif(os.name == "nt", reason="Windows itself rejects many of these as folders")
@pytest.mark.parametrize(("text", "rejecting"), HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_answer_bakes_a_working_project_or_is_rejected(
    tmp_path: Path, plain: dict[str, BakedProject], text: str, rejecting: set[str]
) -> None:
    output = tmp_path / "output"
    output.mkdir()
    rejecting_hooks = rejecting - ({"project_slug"} if text in NO_FOLDERS else set())
    if rejecting_hooks != rejecting:
        with pytest.raises(Refused, match=r"already exists|too long|  project_slug: "):
            bake(output, project_slug=text)
    if rejecting_hooks:
        wrong: dict[str, Any] = {"dispatch": "explicit", **dict.fromkeys(rejecting_hooks, text)}
        with pytest.raises(Refused) as refusal:
            bake(output, **wrong)
        assert set(re.findall(r"(?m)^  (\w+): ", str(refusal.value))) == rejecting_hooks
    # cookiecutter itself leaves the empty parent folders of a slug with a slash.
    assert not [path for path in output.rglob("*") if not path.is_dir()]

    accepting = [prompt for prompt in PROMPTS_OF_WORDS if prompt not in rejecting]
    answers: dict[str, Any] = {"project_slug": "odd", **dict.fromkeys(accepting, text)}
    dispatch = "explicit" if "agent_name" in accepting else "automatic"
    project = bake(output, dispatch=dispatch, **answers)
    assert list(tmp_path.iterdir()) == [output]
    text = {"{{7*7}}": "49", "{% raw %}x{% endraw %}": "x"}.get(text, text)
    one_line = " ".join(text.split())
    metadata = project.pyproject["project"]
    if "description" in accepting:
        assert metadata["description"] == one_line
        assert f"\n\n{one_line}\n" in project.read("README.md")
    if "author_name" in accepting and one_line:
        assert metadata["authors"] == [{"name": one_line}]
        assert one_line in project.read("LICENSE")
    if "project_name" in accepting:
        assert project.read("README.md").startswith(f"# {one_line}\n")
    if "agent_name" in accepting:
        assert dotenv_values(project.path / ".env")["LIVEKIT_AGENT_NAME"] == text
        assert parse(project.read(".env"))["LIVEKIT_AGENT_NAME"] == text
    assert without_answers(project) == without_answers(plain[dispatch])


def without_answers(project: BakedProject) -> dict[str, Any]:
    """Return the parts that do not depend on any text answer: the code and its tools' settings."""
    quoting = {"README.md", "LICENSE", "AGENTS.md", ".env", ".env.example", "pyproject.toml"}
    rest = {name: (project.path / name).read_bytes() for name in project.files - quoting}
    return rest | {key: part for key, part in project.pyproject.items() if key != "project"}


def test_a_project_with_odd_text_everywhere_works(tmp_path: Path) -> None:
    project = bake(tmp_path, project_name=LONG, description=LONG, author_name=LONG)
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


@pytest.mark.parametrize("name", ["a b", "a # only explicit", "100%", "a=b", "it's"])
def test_every_program_reads_an_odd_agent_name_as_it_was_typed(tmp_path: Path, name: str) -> None:
    project = bake(tmp_path, dispatch="explicit", agent_name=name)
    assert dotenv_values(project.path / ".env")["LIVEKIT_AGENT_NAME"] == name
    assert parse(project.read(".env"))["LIVEKIT_AGENT_NAME"] == name


def test_an_existing_folder_is_never_touched(tmp_path: Path) -> None:
    (tmp_path / "my-agent").mkdir()
    (tmp_path / "my-agent" / "mine").write_text("mine")
    with pytest.raises(Refused, match="already exists"):
        bake(tmp_path)
    assert [path.name for path in (tmp_path / "my-agent").iterdir()] == ["mine"]


def test_enter_at_every_prompt_bakes_the_default_project(tmp_path: Path) -> None:
    questions = [prompt for prompt in PROMPTS if not prompt.startswith("_")]
    result = subprocess.run(
        [sys.executable, "-m", "cookiecutter", str(TEMPLATE), "-o", str(tmp_path)],
        input="\n" * len(questions),
        env=clean_environment(),
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert "Which rooms get your agent?" in result.stdout
    assert (tmp_path / "my-agent" / "app" / "agent.py").exists()
