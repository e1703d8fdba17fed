"""docs/compatibility.md matches the stored run, for every release."""

from benchmarks.compatibility.page import FORMS, PAGE, RELEASES, render, stored_run
from tests.baking import PROJECT

RUN = stored_run()


def test_the_page_matches_the_stored_run() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(RUN), (
        "run `uv run python -m benchmarks.compatibility --render`"
    )


def test_every_release_was_measured() -> None:
    assert list(RUN["rows"]) == list(RELEASES)
    assert "not measured" not in PAGE.read_text(encoding="utf-8")


def test_supported_releases_work() -> None:
    first, *_, last = RUN["rows"].values()
    assert (first["release"], last["release"][:3]) == (FORMS[1], FORMS[0])
    assert (first["projects"][FORMS[1]], last["projects"][FORMS[0]]) == ("passes", "passes")


def test_the_project_requires_the_measured_release() -> None:
    newest = list(RUN["rows"].values())[-1]["release"]
    text = (PROJECT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'"livekit-agents>={newest},' in text
