"""The template's own files, before any bake."""

import re
import sys
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import unquote

import pytest

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
    workflows = [
        path
        for folder in (TEMPLATE, PROJECT)
        for path in (folder / ".github" / "workflows").glob("*.yml")
    ]
    assert len(workflows) >= 3
    for path in workflows:
        for action in re.findall(r"(?m)\buses: (.*)$", path.read_text(encoding="utf-8")):
            pinned = re.match(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", action)
            assert pinned, f"{path}: {action}"


def test_zizmor_finds_nothing_in_the_workflows() -> None:
    folders = [f"{folder}/.github" for folder in (TEMPLATE, PROJECT)]
    printed_by(TEMPLATE, "uv", "run", "zizmor", "--offline", "--no-progress", *folders)


@pytest.mark.parametrize(
    ("schema", "names"),
    [("issue-forms", ["project", "livekit-doctor"]), ("issue-config", ["config"])],
)
def test_the_issue_templates_follow_their_schema(schema: str, names: list[str]) -> None:
    paths = [f".github/ISSUE_TEMPLATE/{name}.yml" for name in names]
    check = ("check-jsonschema", "--builtin-schema", f"vendor.github-{schema}")
    printed_by(TEMPLATE, "uv", "run", *check, *paths)


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


DOCUMENTS = [
    *TEMPLATE.glob("*.md"),
    *(TEMPLATE / "docs").glob("*.md"),
    *PROJECT.glob("*.md"),
    *(PROJECT / "docs").glob("*.md"),
]


def headings(document: Path) -> set[str]:
    """Return the anchors that GitHub gives the headings of a page."""
    titles = re.findall(r"(?m)^#+ (.*)$", document.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", title).lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_link_leads_to_a_file_and_heading(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    ours = "https://github.com/org/cookiecutter-livekit-agent/blob/main/"
    for link in re.findall(r'\]\(([^)\s]+)\)|src="([^"]+)"', text):
        path, _, heading = unquote("".join(link)).partition("#")
        if path.startswith(ours):
            target = TEMPLATE / path.removeprefix(ours)
        elif ":" in path:
            continue  # another site
        else:
            target = document.parent / path if path else document
        assert target.exists(), link
        assert not heading or heading in headings(target), link


def test_every_page_is_in_the_index() -> None:
    docs = TEMPLATE / "docs"
    index = (docs / "README.md").read_text(encoding="utf-8")
    for page in docs.glob("*.md"):
        assert page.name == "README.md" or f"]({page.name})" in index, page.name


def test_the_picture_moves_is_small_and_has_a_text_alternative() -> None:
    readme = (TEMPLATE / "README.md").read_text(encoding="utf-8")
    assert re.search(r'<img src="docs/demo.gif" alt="[^"]{50,}"', readme)
    picture = (TEMPLATE / "docs" / "demo.gif").read_bytes()
    assert len(picture) < 1_000_000
    assert b"NETSCAPE2.0" in picture  # repeats
    assert picture.count(b"\x21\xf9\x04") > 10  # the heads of frames
