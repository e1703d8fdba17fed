"""Baked projects as their owners run them: their own environment, server, worker and tests."""

from tests.baking import BakedProject


def test_an_automatic_project_passes_all_its_tests(automatic: BakedProject) -> None:
    automatic.run("pytest")


def test_an_explicit_project_passes_its_tests(explicit: BakedProject) -> None:
    # The slowest tests have nothing to do with names: the automatic project shows what they show.
    faults = "lost_machine or rolling_replacement or burst or stopped_worker or killed_job"
    of_doctor = "test_a_worker or different_servers or not_this_projects or says_nothing"
    explicit.run("pytest", "-k", f"not ({faults} or {of_doctor})")
