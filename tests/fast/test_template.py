"""The template's own files, before any bake."""

import re
import sys
from difflib import get_close_matches
from pathlib import Path

from hooks.post_gen_project import ALMOST_MARKER, CHOICES, PATHS, TEXTS, WORDS, files, strip
from tests.baking import MORE_TESTS, PROJECT, PROMPTS, TEMPLATE, printed_by, unbaked


def test_every_prompt_and_choice_has_a_text() -> None:
    words = PROMPTS["__prompts__"]
    questions = [prompt for prompt in PROMPTS if not prompt.startswith("_")]
    assert list(words) == questions
    for prompt in questions:
        if isinstance(PROMPTS[prompt], list):
            assert list(words[prompt]) == ["__prompt__", *PROMPTS[prompt]]


def test_the_hook_knows_every_choice() -> None:
    by_file_name = {"license"}  # its choices are whole files
    chosen = {name for name in PROMPTS if name[0] != "_" and isinstance(PROMPTS[name], list)}
    assert {name: tuple(PROMPTS[name]) for name in chosen - by_file_name} == CHOICES
    assert len(WORDS) == len(set(WORDS))


def test_every_action_is_pinned_by_commit() -> None:
    by_tag = {"actions/cache@v4"}  # its commit has not been looked up yet
    workflows = [
        path
        for folder in (TEMPLATE, PROJECT)
        for path in (folder / ".github" / "workflows").glob("*.yml")
    ]
    assert len(workflows) >= 3
    for path in workflows:
        for action in re.findall(r"(?m)\buses: (.*)$", path.read_text(encoding="utf-8")):
            pinned = re.match(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", action)
            assert pinned or action in by_tag, f"{path}: {action}"


def test_no_python_contains_jinja() -> None:
    for path in PROJECT.rglob("*.py"):
        assert not re.search(r"\{[{%#]", path.read_text(encoding="utf-8")), path


def test_every_optional_path_exists() -> None:
    for name, words in PATHS.items():
        assert (PROJECT / name).exists(), name
        assert words < set(WORDS)


def test_every_marker_is_valid() -> None:
    for path in files(PROJECT):
        try:
            text = (PROJECT / path).read_bytes().decode()
        except UnicodeDecodeError:
            continue  # a picture, or sound
        if path.name in TEXTS or path.name.startswith("LICENSE-"):
            assert not [line for line in text.splitlines() if ALMOST_MARKER.search(line)], path
            continue
        try:
            strip(text, set(WORDS))
        except ValueError as error:
            raise AssertionError(f"{path.as_posix()}:{error}") from error


def test_no_file_name_has_a_misspelt_choice() -> None:
    words = [word.replace(".", "_") for word in WORDS]
    for path in files(PROJECT):
        if found := re.search(r"_([^\W\d_]+|\d\w*)$", path.stem):
            assert found[1] in words or not get_close_matches(found[1], words, cutoff=0.75), path


def test_the_projects_fast_tests_pass_unbaked(tmp_path: Path) -> None:
    """Unbaked, it is explicit and keyless, so the tests of other choices are skipped."""
    others = {*CHOICES["dispatch"], *CHOICES["assistant"]} - {"explicit", "keyless"}
    ignored = (
        "e2e",
        "test_evals.py",
        "test_missing_key.py",
        *(f"*test_*_{other}.py" for other in others),
    )
    printed_by(
        unbaked(tmp_path),
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
        *(f"--ignore-glob=tests/{pattern}" for pattern in ignored),
        PYTHONDONTWRITEBYTECODE="1",
        HYPOTHESIS_STORAGE_DIRECTORY=str(tmp_path),
    )


def test_every_test_that_the_docs_name_exists() -> None:
    for document in (PROJECT / "docs").glob("*.md"):
        text = document.read_text(encoding="utf-8")
        named = re.findall(r"(template: )?`tests/([\w/]+)\.py(?:::(\w+))?`", text)
        for is_ours, module, test in named:
            folder = MORE_TESTS if is_ours else PROJECT / "tests"
            path = folder / f"{module}.py"
            assert path.exists(), f"{document.name}: {path}"
            assert f"def {test}" in path.read_text(encoding="utf-8"), f"{document.name}: {test}"
