"""docs/token-backend.md matches the stored run, and the run is as good as we say."""

import pytest

from benchmarks.tokens.page import PAGE, PEERS, render, stored_run, times

RUN = stored_run()


def test_the_page_matches_the_stored_run() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(RUN), (
        "run `uv run --group benchmark python -m benchmarks.tokens --render`"
    )


@pytest.mark.parametrize(("peer", "least"), [*zip(PEERS, (1.8, 1.4, 4), strict=True)])
def test_ours_serves_more_requests_in_each_of_three_runs(peer: str, least: float) -> None:
    assert len(RUN["runs"]) == 3
    assert times(RUN, peer) >= least
