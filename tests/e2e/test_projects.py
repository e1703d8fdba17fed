"""Baked projects as their owners run them: their own environment, server, worker and tests."""

from tests.baking import BakedProject


def test_an_automatic_project_passes_all_its_tests(automatic: BakedProject) -> None:
    automatic.run("pytest")


def test_an_explicit_project_passes_its_tests(explicit: BakedProject) -> None:
    # The slowest faults have nothing to do with names: the automatic project shows them.
    explicit.run("pytest", "-k", "not (lost_machine or rolling_replacement or burst)")
