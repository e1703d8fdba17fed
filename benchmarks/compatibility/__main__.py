"""What each livekit-agents release does, and whether our projects run with it.

    uv run python -m benchmarks.compatibility               all releases, in half an hour
    uv run python -m benchmarks.compatibility --only 1.5    one row of docs/compatibility.md again
    uv run python -m benchmarks.compatibility --newest      the newest release, against the last row
    uv run python -m benchmarks.compatibility --render      only write the page, from the stored run

Each release gets its own environment in .cache/dispatch. The cases are those of
benchmarks/dispatch/cases.py. Then a baked project's fast tests, and its dispatch tests on a real
LiveKit server, run with that release, even if its pyproject.toml requires another one.
"""

import argparse
import asyncio
import datetime
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from benchmarks.compatibility.page import (
    CASES_SHOWN,
    FORMS,
    PAGE,
    RELEASES,
    STORED,
    render,
    stored_run,
)
from benchmarks.dispatch.cases import CASES
from benchmarks.dispatch.runner import AT_ONCE, ENVIRONMENTS, environment, play, release_in
from tests.baking import PROMPTS, add_tests, bake, clean_environment

NEWEST = ">=1.8.9"
PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
TIMEOUT_SECONDS = 180  # the longest command takes 40
LIVEKIT = ("livekit-agents", "livekit-api")


def run(*command: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=cwd,
        env=clean_environment(CI="true"),  # skip nothing
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_SECONDS,
    )


def prepare(name: str, release: str) -> tuple[Path, str]:
    """Install this release; return its Python, and what the installation needs.

    livekit-agents 1.2 to 1.5 accept any openai, even one that they cannot import (measured).
    """
    name = f"compatibility-{name}"
    shutil.rmtree(ENVIRONMENTS / name, ignore_errors=True)  # a project may have left packages in it
    python = environment(name, release)
    if run(python, "-c", "import livekit.agents").returncode == 0:
        return python, "as it is"
    environment(name, release, "openai<3")
    if run(python, "-c", "import livekit.agents").returncode:
        sys.exit(f"livekit-agents{release} is installed, but cannot be imported.")
    return python, "with `openai<3`"


def pythons_for(release: str) -> list[str]:
    """Return the Python versions for which all dependencies of the release have wheels."""
    resolve = ("uv", "pip", "compile", "--quiet", "--only-binary", ":all:", "--python-version")
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder) / "requirements.in"
        wanted.write_text(f"livekit-agents=={release}\n", encoding="utf-8")
        return [v for v in PYTHONS if run(*resolve, v, wanted).returncode == 0]


async def outcomes(python: Path) -> dict[str, str]:
    """Return the outcome of each case, and the fields of the worker's HTTP endpoint."""
    from benchmarks.dispatch.world import find_server, world

    server, slots = find_server(), asyncio.Semaphore(AT_ONCE)

    async def one(slug: str) -> str:
        async with slots:
            return (await play(CASES[slug], server, python)).outcome

    results = await asyncio.gather(*map(one, CASES_SHOWN))
    async with world(server, python) as its_world:
        fields = await its_world.worker_tells()
    return dict(zip(CASES_SHOWN, results, strict=True)) | {"health": fields}


def project_with(python: Path, form: str, repair: str) -> str:
    """Return the test results of our project for the release `form`, run by `python`."""
    results = set()
    for dispatch in PROMPTS["dispatch"]:
        with tempfile.TemporaryDirectory() as folder:
            project = add_tests(bake(Path(folder), dispatch=dispatch, livekit_agents=form))
            if not install_dependencies(python, project.pyproject, repair):
                return "cannot be installed together"
            tests = (["tests", "--ignore=tests/e2e"], [f"tests/e2e/test_dispatch_{dispatch}.py"])
            for arguments in tests:
                result = tested(python, project.path, *arguments)
                if result != "passes":
                    break
            results.add(result)
        if result == "does not end":
            break
    return " / ".join(sorted(results))


def install_dependencies(python: Path, pyproject: dict[str, Any], repair: str) -> bool:
    """Install the project's dependencies, but not LiveKit's; return whether it worked."""
    packages = [*pyproject["project"]["dependencies"], *pyproject["dependency-groups"]["dev"]]
    others = [package for package in packages if not package.startswith(LIVEKIT)]
    agents = f"livekit-agents=={release_in(python)}"
    more = ["openai<3"] if "openai" in repair else []
    install = run("uv", "pip", "install", "--quiet", "--python", python, agents, *more, *others)
    if install.returncode:
        print(install.stderr, file=sys.stderr)
    return install.returncode == 0


def tested(python: Path, project: Path, *arguments: str) -> str:
    """Run tests; return `passes`, or the first failure."""
    report = project / "report.xml"
    pytest = (python, "-m", "pytest", "-q", f"--junitxml={report}")
    try:
        if run(*pytest, *arguments, cwd=project).returncode == 0:
            return "passes"
    except subprocess.TimeoutExpired:
        return "does not end"
    if not report.exists():  # pytest could not even load tests/conftest.py
        return "does not run"
    cases = ElementTree.parse(report).iter("testcase")
    failed = [(case, part) for case in cases for part in case if part.tag in ("failure", "error")]
    first, failure = failed[0]
    lines = (failure.text or "").splitlines()
    errors = [line.removeprefix("E").strip() for line in lines if re.match(r"E .*Error\b", line)]
    message = [failure.get("message", ""), *errors][-1].partition(" (")[
        0
    ]  # without a path of this machine
    return f"{len(failed)} fail: {first.get('name')}: `{message[:90]}`".replace("|", "\\|")


def row(name: str, release: str) -> dict[str, Any]:
    """Measure one release."""
    python, install = prepare(name, release)
    version = release_in(python)
    print(f"livekit-agents {version}: {install}", flush=True)
    measured = {
        "release": version,
        "python": run(python, "-V").stdout.split()[-1],
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "install": install,
        "pythons": pythons_for(version),
        "outcomes": asyncio.run(outcomes(python)),
        "projects": {form: project_with(python, form, install) for form in FORMS},
    }
    print(json.dumps(measured, indent=1), flush=True)
    return measured


def compare_newest() -> None:
    """Exit with an error if the newest release differs from the last row of the page."""
    stored = list(stored_run()["rows"].values())[-1]
    newest = row("newest", NEWEST)
    differences = [
        f"{key}: was {stored[key]}, is {newest[key]}"
        for key in ("install", "pythons", "outcomes")
        if stored[key] != newest[key]
    ]
    if newest["projects"][FORMS[0]] != "passes":
        differences.append(f"our project: {newest['projects'][FORMS[0]]}")
    if differences:
        differences.insert(0, f"{newest['release']} differs from {stored['release']}:")
        sys.exit("\n".join(differences))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compatibility")
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--only", choices=RELEASES, help="measure one release again")
    choice.add_argument(
        "--newest", action="store_true", help="compare the newest with the last row"
    )
    choice.add_argument("--render", action="store_true", help="only write docs/compatibility.md")
    arguments = parser.parse_args()
    if arguments.newest:
        return compare_newest()
    if not arguments.render:
        rows = stored_run()["rows"] if STORED.exists() else {}
        for name in [arguments.only] if arguments.only else RELEASES:
            rows[name] = row(name, RELEASES[name])
            kept = {minor: rows[minor] for minor in RELEASES if minor in rows}
            STORED.write_text(json.dumps({"rows": kept}, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(render(stored_run()), encoding="utf-8")
    return None


if __name__ == "__main__":
    main()
