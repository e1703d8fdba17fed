"""The pre-gen hook, which rejects answers."""

from pathlib import Path

import pytest

from hooks import pre_gen_project

ANSWERS = {
    "project_name": "My Agent",
    "project_slug": "my-agent",
    "description": "It helps.",
    "author_name": "",
    "dispatch": "automatic",
    "agent_name": "",
    "assistant": "keyless",
    "livekit_agents": "1.8",
}


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run in an empty folder, as cookiecutter runs the hook."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def problems(answers: dict[str, str]) -> list[str]:
    return pre_gen_project.problems(answers, ".")


@pytest.mark.parametrize(
    "answers",
    [
        {},
        {"project_slug": "A.b_c-9"},
        {"project_slug": "class"},
        {"project_slug": "fastapi"},
        {"project_name": "Ünïcödé 🤖", "author_name": "O'Brien"},
        {"description": "two\nlines\tand a tab"},
        {"agent_name": "  "},  # ignored under automatic
        {"agent_name": "a\nb"},
        {"dispatch": "explicit", "agent_name": "concierge"},
        {"dispatch": "explicit", "agent_name": "O'Brien's 🤖 agent, #1"},
        {"dispatch": "explicit", "agent_name": "x" * 32_000},
    ],
)
def test_it_accepts(answers: dict[str, str]) -> None:
    assert problems(ANSWERS | answers) == []


@pytest.mark.parametrize(
    "slug",
    [
        "",
        ".",
        "..",
        "../up",
        "a/b",
        "a\\b",
        "-a",
        "a-",
        "a b",
        "ä",
        "a\n",
        "x" * 101,
        "con",
        "NUL.txt",
    ],
)
def test_it_rejects_the_slug(slug: str) -> None:
    (problem,) = problems(ANSWERS | {"project_slug": slug})
    assert problem.startswith("  project_slug: ")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "   ",
        "\u200b",
        " a",
        "a ",
        "a\nb",
        "a\x00",
        "a\u2028b",
        'say "a"',
        "a\\n",
        "$a",
        "'a'",
        "a`",
        "''",
        "x" * 33_000,
    ],
)
def test_it_rejects_the_agent_name(name: str) -> None:
    (problem,) = problems(ANSWERS | {"dispatch": "explicit", "agent_name": name})
    assert problem.startswith("  agent_name: ")


def test_it_rejects_a_folder_that_contains_more_than_a_repository(
    in_an_empty_folder: Path,
) -> None:
    (in_an_empty_folder / ".git").mkdir()
    assert problems(ANSWERS) == []
    (in_an_empty_folder / "notes.txt").touch()
    (problem,) = problems(ANSWERS)
    assert problem.startswith("  project_slug: ")


@pytest.mark.parametrize("prompt", ["project_name", "description", "author_name"])
def test_it_rejects_control_characters(prompt: str) -> None:
    (problem,) = problems(ANSWERS | {prompt: "a\x07b"})
    assert problem.startswith(f"  {prompt}: ")


def test_it_reports_all_problems_at_once() -> None:
    found = problems(ANSWERS | {"project_name": " ", "project_slug": "/", "description": "\x00"})
    assert len(found) == 3
