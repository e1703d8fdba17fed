"""Updates to a newer template or other answers keep what the owner changed."""

import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from hooks.post_gen_project import names_left
from tests.baking import PROJECT, TEMPLATE, BakedProject, bake, printed_by

ASSISTANT = "app/assistant.py"
OWNERS = ("Hello! Write to me", "Ahoy! Write to me")
IN_ANY = ("# For coding agents", "# For agents that code")  # a line in every project
TEMPLATES = ("what WebRTC carries", "as WebRTC carries it")


def git(folder: Path, *command: str) -> None:
    identity = ("-c", "user.name=Ann", "-c", "user.email=ann@example.com")
    printed_by(folder, "git", *identity, *command)


def commit(folder: Path) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "a change")


def cruft(folder: Path, *command: str) -> None:
    printed_by(folder, sys.executable, "-m", "cruft", *command)


def replace(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8", newline="\n")


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """A repository of this template, with a first release, v1, and a change after it."""
    template = tmp_path / "template"
    for part in ("hooks", PROJECT.name):
        shutil.copytree(TEMPLATE / part, template / part)
    shutil.copy(TEMPLATE / "cookiecutter.json", template)
    git(template, "init", "--quiet")
    commit(template)
    git(template, "tag", "v1")
    replace(template / PROJECT.name / ASSISTANT, *TEMPLATES)
    (template / PROJECT.name / "NEWS.md").write_text("What is new.\n", encoding="utf-8")
    commit(template)
    return template


@pytest.fixture
def template_before_deploy(template: Path) -> Path:
    """The same, but v1 has no question `deploy`, and always includes Kubernetes."""
    git(template, "checkout", "--quiet", "v1", "--detach")
    questions = json.loads((template / "cookiecutter.json").read_text(encoding="utf-8"))
    del questions["deploy"], questions["__prompts__"]["deploy"]
    (template / "cookiecutter.json").write_text(json.dumps(questions), encoding="utf-8")
    hook = template / "hooks" / "post_gen_project.py"
    replace(hook, "main(json.loads(", 'main({"deploy": "kubernetes"} | json.loads(')
    for text in ("README.md", "AGENTS.md"):
        replace(template / PROJECT.name / text, "cookiecutter.deploy", "'kubernetes'")
    commit(template)
    git(template, "tag", "--force", "v1")
    git(template, "checkout", "--quiet", "-")
    return template


@pytest.fixture
def owned(tmp_path: Path, template: Path) -> BakedProject:
    """A project of the first release, with a line that its owner changed."""
    cruft(tmp_path, "create", "--no-input", "--checkout", "v1", str(template))
    owned = BakedProject(tmp_path / "my-agent", printed="")
    git(owned.path, "init", "--quiet")
    replace(owned.path / ASSISTANT, *OWNERS)
    commit(owned.path)
    return owned


def contents(project: BakedProject) -> dict[str, bytes]:
    """Return the content of all files except those that differ in each bake."""
    skipped = (".git/", ".env", ".cruft.json")
    names = (n for n in project.files if n == ".env.example" or not n.startswith(skipped))
    return {name: (project.path / name).read_bytes() for name in names}


def test_an_update_keeps_what_the_owner_changed(owned: BakedProject) -> None:
    secrets = owned.read(".env")
    cruft(owned.path, "update", "-y")
    assert OWNERS[1] in owned.read(ASSISTANT)
    assert TEMPLATES[1] in owned.read(ASSISTANT)
    assert owned.read("NEWS.md") == "What is new.\n"
    assert owned.read(".env") == secrets
    assert not [name for name in owned.files if name.endswith(".rej")]
    assert {line.partition(":")[0] for line in names_left(owned.path)} == {".cruft.json"}
    owned.run("pytest", "-q", "--ignore", "tests/e2e")


@pytest.mark.parametrize(
    "answers",
    [
        {"dispatch": "explicit", "agent_name": "concierge"},
        {"assistant": "pipeline"},
        {"livekit_agents": "1.0.23"},
        {"deploy": "none"},
    ],
    ids=["dispatch", "assistant", "livekit_agents", "deploy"],
)
def test_another_answer_later_gives_the_same_project_as_at_first(
    tmp_path: Path, template: Path, owned: BakedProject, answers: dict[str, str]
) -> None:
    replace(owned.path / ASSISTANT, *reversed(OWNERS))  # another assistant is another file
    replace(owned.path / "AGENTS.md", *IN_ANY)
    commit(owned.path)
    (tmp_path / "at-once").mkdir()
    at_once = bake(tmp_path / "at-once", template, env=None, options=(), **answers)
    replace(at_once.path / "AGENTS.md", *IN_ANY)
    before = {
        "dispatch": "automatic",
        "agent_name": "",
        "assistant": "keyless",
        "livekit_agents": "1.8",
        "deploy": "containers",
    }

    update = ("update", "-y", "--variables-to-update")
    cruft(owned.path, *update, json.dumps(answers))
    assert contents(owned) == contents(at_once)
    commit(owned.path)
    cruft(owned.path, *update, json.dumps(before))
    (tmp_path / "before").mkdir()
    unchanged = bake(tmp_path / "before", template)
    replace(unchanged.path / "AGENTS.md", *IN_ANY)
    assert contents(owned) == contents(unchanged)


@pytest.mark.parametrize("answers", [{}, {"deploy": "kubernetes"}], ids=["update", "kubernetes"])
def test_a_project_older_than_a_question_gets_its_default_or_an_answer(
    tmp_path: Path, template_before_deploy: Path, answers: dict[str, Any]
) -> None:
    create = ("create", "--no-input", "--checkout", "v1", str(template_before_deploy))
    cruft(tmp_path, *create)
    project = BakedProject(tmp_path / "my-agent", printed="")
    assert "deploy/kubernetes/README.md" in project.files
    git(project.path, "init", "--quiet")
    commit(project.path)
    update = ("--variables-to-update", json.dumps(answers)) if answers else ()
    cruft(project.path, "update", "-y", *update)
    (tmp_path / "at-once").mkdir()
    assert contents(project) == contents(
        bake(tmp_path / "at-once", template_before_deploy, **answers)
    )


def test_a_companys_mirror_and_defaults(tmp_path: Path, template: Path) -> None:
    page = (TEMPLATE / "docs" / "inside-a-company.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"(?s)```yaml\n(.*?)```", page)
    config = yaml.safe_load(block.replace("https://git.example.com", tmp_path.as_uri()))
    config |= {f"{name}_dir": str(tmp_path / name) for name in ("cookiecutters", "replay")}
    (file := tmp_path / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    mirror = "mirrors/cookiecutter-livekit-agent"
    assert f"uvx cookiecutter corp:{mirror}" in page
    git(tmp_path, "clone", "--quiet", "--bare", str(template), f"{mirror}.git")

    (tmp_path / "output").mkdir()
    options = ("--config-file", str(file), "--checkout", "v1")
    project = bake(tmp_path / "output", f"corp:{mirror}", options=options)
    assert TEMPLATES[0] in project.read(ASSISTANT)
    assert "Example Ltd. All rights reserved." in project.read("LICENSE")
    assert "deploy/kubernetes/README.md" in project.files


def test_a_project_made_without_cruft_can_be_linked_to_its_template(
    tmp_path: Path, template: Path
) -> None:
    git(template, "checkout", "--quiet", "v1", "--detach")
    project = bake(tmp_path, template, project_name="Front Desk")
    git(template, "checkout", "--quiet", "-")
    assert TEMPLATES[0] in project.read(ASSISTANT)
    git(project.path, "init", "--quiet")
    answers = json.dumps({"project_name": "Front Desk"})
    cruft(
        project.path,
        *("link", "--no-input", "--checkout", "v1", "--extra-context", answers, str(template)),
    )
    commit(project.path)
    cruft(project.path, "update", "-y")
    assert TEMPLATES[1] in project.read(ASSISTANT)
    assert project.read("README.md").startswith("# Front Desk")
