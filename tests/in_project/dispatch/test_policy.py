"""When to send another agent into a room that has none."""

import pytest
from livekit.protocol.agent import Job
from livekit.protocol.agent_dispatch import AgentDispatch, AgentDispatchState

from app.dispatch.policy import SECONDS_TO_JOIN, SECONDS_TO_TAKE, seconds_to_wait

NOW = 1_000_000.0


def made(ago: float, taken: bool = False) -> AgentDispatch:
    """A dispatch that was created `ago` seconds ago."""
    jobs = [Job()] if taken else []
    return AgentDispatch(state=AgentDispatchState(created_at=int((NOW - ago) * 1e9), jobs=jobs))


@pytest.mark.parametrize(
    ("dispatches", "settled_before", "wait"),
    [
        ([], 0, 0),
        ([made(1)], 0, SECONDS_TO_TAKE - 1),
        ([made(SECONDS_TO_TAKE)], 0, 0),
        ([made(SECONDS_TO_TAKE, taken=True)], 0, SECONDS_TO_JOIN - SECONDS_TO_TAKE),
        ([made(SECONDS_TO_JOIN, taken=True)], 0, 0),
        ([made(5)], NOW - 4, 0),
        ([made(5, taken=True)], NOW - 4, 0),
        ([made(5, taken=True), made(1)], NOW - 4, SECONDS_TO_TAKE - 1),
    ],
    ids=[
        "no dispatch",
        "offered just now",
        "not taken",
        "taken just now",
        "taken, but never joined",
        "a worker has registered since",
        "the agent has left",
        "another is pending",
    ],
)
def test_it_waits_for_a_pending_dispatch(
    dispatches: list[AgentDispatch], settled_before: float, wait: float
) -> None:
    assert seconds_to_wait(dispatches, NOW, settled_before) == pytest.approx(wait, abs=1e-6)


def test_retries_back_off_while_no_worker_takes_the_job() -> None:
    time, dispatches, gaps = 0.0, [made(0)], []
    while time < 3600:
        wait = seconds_to_wait(dispatches, NOW + time, settled_before=0)
        time += wait
        if not wait:
            gaps.append(time - made_at(dispatches[-1]))
            dispatches.append(made(-time))
    assert gaps[0] == pytest.approx(SECONDS_TO_TAKE)
    assert max(gaps) > 100
    assert len(gaps) < 40


def made_at(dispatch: AgentDispatch) -> float:
    return dispatch.state.created_at / 1e9 - NOW


def test_retries_back_off_while_agents_do_not_stay() -> None:
    removed = [made(3, taken=True), made(2)]  # the server lists late that a worker took the job
    assert seconds_to_wait(removed, NOW, settled_before=NOW) == 0
    removed.append(made(1))
    fourth = seconds_to_wait(removed, NOW, settled_before=NOW)
    removed.append(made(0.5))
    fifth = seconds_to_wait(removed, NOW, settled_before=NOW)
    assert 1 <= fourth <= 2 < 3.5 <= fifth <= 5.5
    assert seconds_to_wait(removed, NOW, NOW, forget_before=NOW) == 0  # for a new worker


def test_a_new_worker_gets_the_room_at_once_after_many_unanswered_offers() -> None:
    offers = [made(ago) for ago in (300, 200, 100, 50, 30, 20, 10)]
    assert seconds_to_wait(offers, NOW, settled_before=0) > 0
    assert seconds_to_wait(offers, NOW, settled_before=NOW - 1) == 0
