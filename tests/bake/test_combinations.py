"""Every supported combination of choices, baked and checked."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hooks.post_gen_project import ALMOST_MARKER, CHOICES, GUARD_TESTS, GUARDS, TEXTS, WORDS, files
from tests.baking import (
    PROJECT,
    PROMPTS,
    BakedProject,
    Refused,
    add_tests,
    bake,
    printed_by,
)

# dispatch, assistant, livekit_agents, deploy. Every licence and every way to deploy goes with each
# of them; one way to deploy is tested with each.
SUPPORTED = [
    ("automatic", "keyless", "1.8", "containers"),
    ("explicit", "keyless", "1.8", "none"),
    ("automatic", "keyless", "1.0.23", "kubernetes"),
    ("explicit", "keyless", "1.0.23", "none"),
    ("automatic", "pipeline", "1.8", "none"),
    ("explicit", "pipeline", "1.8", "kubernetes"),
    ("automatic", "realtime", "1.8", "kubernetes"),
    ("explicit", "realtime", "1.8", "containers"),
    ("automatic", "offline", "1.8", "containers"),
    ("explicit", "offline", "1.8", "none"),
]
in_each_combination = pytest.mark.parametrize(
    "answers",
    [dict(zip(CHOICES, words, strict=True)) for words in SUPPORTED],
    ids=list(map("-".join, SUPPORTED)),
)
REQUIREMENTS = {"1.8": "livekit-agents>=1.8.9,<1.9", "1.0.23": "livekit-agents==1.0.23"}
REFUSED = [
    {"dispatch": "both"},
    {"dispatch": "explicit", "agent_name": ""},
    {"livekit_agents": "1.0.23", "assistant": "pipeline"},
    {"livekit_agents": "1.0.23", "assistant": "realtime"},
    {"livekit_agents": "1.0.23", "assistant": "offline"},
    {"assistant": "telepathic"},
    {"livekit_agents": "1.5"},
    {"livekit_agents": "1.8.9"},
    {"license": "GPL-3.0"},
    {"deploy": "docker"},
]
LICENSE_WORDS = {
    "MIT": "Permission is hereby granted, free of charge",
    "Apache-2.0": "Apache License",
    "BSD-3-Clause": "Redistribution and use in source and binary forms",
    "Proprietary": "All rights reserved.",
}
CONTAINERS = {
    ".dockerignore", "Dockerfile", "compose.override.yaml", "compose.yaml",
    "deploy/compose/Caddyfile", "deploy/compose/production.yaml", "deploy/compose/update.sh",
    "docs/deployment.md",
}  # fmt: skip
# The files that only some combinations have, by choice. All others are in every project.
FILES = {
    "automatic": {"tests/dispatch/test_names_automatic.py", "tests/e2e/test_dispatch_automatic.py"},
    "explicit": {"tests/dispatch/test_names_explicit.py", "tests/e2e/test_dispatch_explicit.py"},
    "pipeline": {
        "app/conversation/fallback.py",
        "app/conversation/speech.py", "app/conversation/missing_key.py",
        ".github/workflows/evals.yml", "evals/scenarios.yaml", "tests/evals.py",
        "tests/fake_models.py", "tests/test_missing_key.py",
        "tests/e2e/scripted_worker.py", "tests/e2e/sound.py", "tests/e2e/speech.wav",
        "tests/e2e/test_missing_key.py", "tests/e2e/worker_without_env_file.py",
    },
    "realtime": {
        "app/conversation/speech.py", "app/conversation/missing_key.py",
        ".github/workflows/evals.yml", "evals/scenarios.yaml", "tests/evals.py",
        "tests/fake_models.py", "tests/fake_openai.py", "tests/test_missing_key.py",
        "tests/e2e/sound.py",
        "tests/e2e/test_missing_key.py", "tests/e2e/worker_without_env_file.py",
    },
    "offline": {"app/conversation/speech.py", "app/conversation/local_models.py"},
    "1.8": {"app/dispatch/drain.py", "app/observability/traces.py"},
    "1.0.23": {"app/dispatch/workarounds.py"},
    "containers": CONTAINERS,
    "kubernetes": CONTAINERS | {
        "deploy/grafana/dashboard.json", "deploy/kubernetes/README.md",
        "deploy/kubernetes/base/kustomization.yaml", "deploy/kubernetes/base/pod.yaml",
        "deploy/kubernetes/base/token-backend.yaml", "deploy/kubernetes/base/worker.yaml",
        "deploy/kubernetes/overlays/production/ingress.yaml",
        "deploy/kubernetes/overlays/production/kustomization.yaml",
    },
}  # fmt: skip
# Files of every project that the template has under another name, or not at all.
MADE = {".env", "LICENSE"}
# What the texts must not mention, because it is missing. (The page on other answers may.)
KUBERNETES = r"deploy/(kubernetes|grafana)|kubectl|dashboard|[Aa]utoscal"
DOCKER = r"[Dd]ockerfile|dockerignore|docker[ -]compose|compose\.|docker logs"
IMAGE = rf"{DOCKER}|deploy/|Kubernetes|\b[Ii]mages?\b|[Cc]ontainer"
NOT_THERE = {"containers": KUBERNETES, "kubernetes": "(?!)", "none": f"{KUBERNETES}|{IMAGE}"}


def test_the_prompts_are_stable() -> None:
    assert {name: PROMPTS[name] for name in PROMPTS if isinstance(PROMPTS[name], list)} == {
        "dispatch": ["automatic", "explicit"],
        "assistant": ["keyless", "pipeline", "realtime", "offline"],
        "livekit_agents": ["1.8", "1.0.23"],
        "license": ["MIT", "Apache-2.0", "BSD-3-Clause", "Proprietary"],
        "deploy": ["containers", "kubernetes", "none"],
        "_copy_without_render": PROMPTS["_copy_without_render"],
    }
    assert [name for name in PROMPTS if not name.startswith("_")] == [
        "project_name",
        "project_slug",
        "description",
        "author_name",
        "dispatch",
        "agent_name",
        "assistant",
        "livekit_agents",
        "license",
        "deploy",
    ]


def test_every_choice_is_in_a_combination() -> None:
    for words, combined in zip(CHOICES.values(), zip(*SUPPORTED, strict=True), strict=True):
        assert set(combined) == set(words)


@in_each_combination
def test_a_combination_bakes_what_it_needs_and_nothing_else(
    tmp_path: Path, answers: dict[str, Any]
) -> None:
    project = bake(tmp_path, **answers)
    chosen_files = [FILES.get(word, set()) for word in answers.values()]
    assert project.files == files_of_every_project().union(*chosen_files)
    folders = (path for path in project.path.rglob("*") if path.is_dir())
    assert all(any(folder.iterdir()) for folder in folders if ".git" not in folder.parts)
    for name, text in texts(project):
        markers = [line for line in text.splitlines() if ALMOST_MARKER.search(line)]
        assert not markers, f"a marker is left in {name}"
        assert "{%" not in text, name
        assert "cookiecutter" not in text.replace("org/cookiecutter-livekit-agent", ""), name
        assert text.endswith("\n") or not text, name
        if not name.startswith(("app/", "dev/", "tests/", "docs/updates.md")):
            mention = re.search(NOT_THERE[answers["deploy"]], text)
            assert not mention, f"{name} mentions {mention}"
    dependencies = project.pyproject["project"]["dependencies"]
    (sdk,) = (package for package in dependencies if "-agents" in package)
    assert sdk == REQUIREMENTS[answers["livekit_agents"]]


@in_each_combination
def test_a_project_never_has_the_name_of_a_dependency(
    tmp_path: Path, answers: dict[str, Any]
) -> None:
    project = bake(tmp_path, project_slug="redis", **answers)
    printed_by(project.path, "uv", "lock")
    packages = {package["name"] for package in tomllib.loads(project.read("uv.lock"))["package"]}
    assert "redis" in packages
    assert {name for name in packages if name.endswith("-app")} == {"redis-app"}


def files_of_every_project() -> set[str]:
    """Return the template's files except those of a choice, by name or in FILES."""
    suffixes = tuple(f"_{word.replace('.', '_')}" for word in WORDS)
    common = {
        path.as_posix()
        for path in files(PROJECT)
        if not path.stem.endswith(suffixes) and not path.name.startswith("LICENSE-")
    }
    return (common | MADE).difference(*FILES.values())


def texts(project: BakedProject) -> Iterator[tuple[str, str]]:
    """Yield the name and content of each file, except picture and sound."""
    for name in sorted(project.files - {"docs/page.png", "tests/e2e/speech.wav"}):
        yield name, project.read(name)


@pytest.fixture(scope="module")
def mypy_cache(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A cache for mypy, because many combinations have the same packages."""
    return str(tmp_path_factory.mktemp("mypy"))


@in_each_combination
def test_a_combination_is_clean_and_passes_its_tests(
    tmp_path: Path, mypy_cache: str, answers: dict[str, Any]
) -> None:
    project = bake(tmp_path, **answers)
    check_code(project, mypy_cache)
    check_code(add_tests(project), mypy_cache)
    project.run("poe", "test", "-q", "--ignore", "tests/e2e")


def check_code(project: BakedProject, mypy_cache: str) -> None:
    project.run("poe", "check", MYPY_CACHE_DIR=mypy_cache)


@in_each_combination
def test_a_licence_changes_only_its_own_text(tmp_path: Path, answers: dict[str, Any]) -> None:
    codes = []
    for license_name, words in LICENSE_WORDS.items():
        (output := tmp_path / license_name).mkdir()
        project = bake(output, license=license_name, author_name="Ann", **answers)
        assert words in project.read("LICENSE")
        assert "Ann" in project.read("LICENSE")
        assert project.pyproject["project"]["license"].endswith(license_name)
        codes.append({n: t for n, t in texts(project) if n not in ("LICENSE", ".env")})
        codes[-1]["pyproject.toml"] = re.sub(
            "(?m)^license = .*", "", project.read("pyproject.toml")
        )
    assert all(code == codes[0] for code in codes)


@pytest.mark.parametrize("answers", REFUSED)
def test_an_unsupported_combination_is_rejected(tmp_path: Path, answers: dict[str, Any]) -> None:
    with pytest.raises(Refused) as refusal:
        bake(tmp_path, **answers)
    assert list(answers)[-1] in str(refusal.value)
    assert not list(tmp_path.iterdir())


def test_an_automatic_project_mentions_agent_names_only_in_guards_and_texts(
    automatic: BakedProject,
) -> None:
    mentions = {n for n, text in texts(automatic) if re.search("agent_?name", text, re.I)}
    places = (*GUARDS, *GUARD_TESTS)
    assert all(n.startswith((*places, "docs/")) or n in TEXTS for n in mentions)
    assert all(any(n.startswith(place) for n in mentions) for place in places)


def test_a_name_given_under_automatic_is_dropped_with_a_notice(tmp_path: Path) -> None:
    project = bake(tmp_path, agent_name="zebra")
    assert "agent name 'zebra' was ignored" in project.printed
    assert not any("zebra" in text for _, text in texts(project))


def test_an_explicit_project_has_its_name_in_one_place(explicit: BakedProject) -> None:
    assert 'LIVEKIT_AGENT_NAME="concierge"' in explicit.read(".env")
    code = [name for name in explicit.files if name.startswith("app/")]
    assert not any("concierge" in explicit.read(name) for name in code)


def test_an_explicit_agent_name_defaults_to_the_slug(tmp_path: Path) -> None:
    project = bake(tmp_path, dispatch="explicit", project_name="Front Desk")
    assert 'LIVEKIT_AGENT_NAME="front-desk"' in project.read(".env")
    assert "Made with explicit dispatch as 'front-desk', " in project.printed
