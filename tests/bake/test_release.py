"""`script/release`, in a throw-away repository of this template."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.bake.test_package import tree
from tests.bake.test_update import (
    ASSISTANT,
    OWNERS,
    TEMPLATES,
    commit,
    cruft,
    git,
    replace,
)
from tests.baking import PROJECT, TEMPLATE, BakedProject, bake, clean_environment, printed_by

FOLDERS = ("cookiecutter_livekit_agent", "hooks", "livekit_doctor", "script", PROJECT.name)
FILES = (
    ".gitignore",
    "CHANGELOG.md",
    "LICENSE",
    "README.md",
    "cookiecutter.json",
    "pyproject.toml",
)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="script/release needs a shell")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    repository = tmp_path / "repository"
    for folder in FOLDERS:
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(TEMPLATE / folder, repository / folder, ignore=ignore)
    for file in FILES:
        shutil.copy(TEMPLATE / file, repository)
    if "## Unreleased" not in (text := (repository / "CHANGELOG.md").read_text(encoding="utf-8")):
        text = text.replace("\n## ", "\n## Unreleased\n\n## ", 1)  # right after a release
        (repository / "CHANGELOG.md").write_text(text, encoding="utf-8")
    git(repository, "init", "--quiet", "--initial-branch", "main")
    commit(repository)
    return repository


def release(
    repository: Path, version: str = "7.0.0", tests: str = "true"
) -> subprocess.CompletedProcess[str]:
    names = {f"GIT_{role}_NAME": "Ann" for role in ("AUTHOR", "COMMITTER")}
    emails = {f"GIT_{role}_EMAIL": "ann@example.com" for role in ("AUTHOR", "COMMITTER")}
    return subprocess.run(
        ["sh", "script/release", version],
        cwd=repository,
        env=clean_environment(RELEASE_TESTS=tests, **names, **emails),
        capture_output=True,
        text=True,
        check=False,
    )


def of_git(repository: Path, *command: str) -> str:
    return printed_by(repository, "git", *command).strip()


def test_a_release_closes_the_changelog_and_tags_a_bake_that_equals_mains(
    tmp_path: Path, repository: Path
) -> None:
    result = release(repository)
    assert result.returncode == 0, result.stderr
    assert "git push origin main v7.0.0" in result.stdout
    assert of_git(repository, "tag", "--points-at", "HEAD") == "v7.0.0"
    assert of_git(repository, "status", "--porcelain") == ""
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == "7.0.0"
    changelog = (repository / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(r"(?m)^## 7\.0\.0 - \d{4}-\d\d-\d\d$", changelog)
    assert "Unreleased" not in changelog

    git(tmp_path, "clone", "--quiet", "--branch", "v7.0.0", str(repository), "tag")
    (tmp_path / "of-tag").mkdir()
    (tmp_path / "of-main").mkdir()
    of_tag = bake(tmp_path / "of-tag", tmp_path / "tag")
    assert tree(of_tag.path) == tree(bake(tmp_path / "of-main").path)


def test_a_project_from_a_releases_wheel_can_be_updated_later(
    tmp_path: Path, repository: Path
) -> None:
    assert release(repository).returncode == 0
    printed_by(repository, "uv", "build", "--quiet", "--offline", "--wheel")
    (wheel,) = (repository / "dist").glob("*-7.0.0-*.whl")
    command = ("uvx", "--quiet", "--from", str(wheel), "cookiecutter-livekit-agent")
    assert "7.0.0" in printed_by(tmp_path, *command, "--version")
    printed_by(tmp_path, *command, "--no-input")
    shutil.rmtree(repository / "dist")
    replace(repository / PROJECT.name / ASSISTANT, *TEMPLATES)
    commit(repository)

    project = BakedProject(tmp_path / "my-agent", "")
    git(project.path, "init", "--quiet")
    cruft(project.path, "link", "--no-input", "--checkout", "v7.0.0", str(repository))
    replace(project.path / ASSISTANT, *OWNERS)
    commit(project.path)
    cruft(project.path, "update", "-y")
    assert OWNERS[1] in project.read(ASSISTANT)
    assert TEMPLATES[1] in project.read(ASSISTANT)


@pytest.mark.parametrize(
    ("version", "tests", "reason"),
    [
        ("", "true", "give a version"),
        ("v1.0", "true", "give a version"),
        ("1.0.0", "false", "the tests failed"),
        ("6.0.0", "true", "the tag v6.0.0 exists"),
    ],
)
def test_a_release_that_is_refused_changes_nothing(
    repository: Path, version: str, tests: str, reason: str
) -> None:
    git(repository, "tag", "v6.0.0")
    before = of_git(repository, "show-ref")
    result = release(repository, version, tests)
    assert result.returncode == 1
    assert f"No release was made: {reason}" in result.stderr
    assert of_git(repository, "show-ref") == before
    assert of_git(repository, "status", "--porcelain") == ""


def test_only_a_clean_main_is_released(repository: Path) -> None:
    (repository / "new.txt").touch()
    assert "not committed" in release(repository).stderr
    commit(repository)
    git(repository, "switch", "--quiet", "--create", "other")
    assert "not the branch main" in release(repository).stderr
    assert of_git(repository, "tag") == ""
