"""Baked projects as their owners run them: their own environment, server, worker and tests."""

from tests.baking import BakedProject


def test_an_automatic_project_passes_all_its_tests(automatic: BakedProject) -> None:
    automatic.run("pytest")


def test_an_explicit_project_passes_all_its_tests(explicit: BakedProject) -> None:
    explicit.run("pytest")
