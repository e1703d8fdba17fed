"""When another agent is sent into a room that has none."""

import pytest
from livekit.protocol.agent import Job
from livekit.protocol.agent_dispatch import AgentDispatch, AgentDispatchState

from app.dispatch import OFFERED, TAKEN, requirement, seconds_to_wait, with_requirement

NOW = 1_000_000.0


def made(ago: float, taken: bool = False) -> AgentDispatch:
    """A dispatch, made so many seconds ago."""
    jobs = [Job()] if taken else []
    return AgentDispatch(state=AgentDispatchState(created_at=int((NOW - ago) * 1e9), jobs=jobs))


@pytest.mark.parametrize(
    ("dispatches", "spent", "wait"),
    [
        ([], 0, 0),
        ([made(1)], 0, OFFERED - 1),
        ([made(OFFERED)], 0, 0),
        ([made(OFFERED, taken=True)], 0, TAKEN - OFFERED),
        ([made(TAKEN, taken=True)], 0, 0),
        ([made(5)], NOW - 4, 0),
        ([made(5, taken=True)], NOW - 4, 0),
        ([made(5, taken=True), made(1)], NOW - 4, OFFERED - 1),
    ],
    ids=[
        "nobody was sent",
        "offered just now",
        "nobody took it",
        "taken just now",
        "taken, and never came",
        "a worker has registered since",
        "the agent has left",
        "another is on its way",
    ],
)
def test_it_waits_for_an_agent_on_its_way(
    dispatches: list[AgentDispatch], spent: float, wait: float
) -> None:
    assert seconds_to_wait(dispatches, NOW, spent) == pytest.approx(wait, abs=1e-6)


def test_a_server_without_workers_is_asked_ever_more_rarely() -> None:
    time, dispatches, gaps = 0.0, [made(0)], []
    while time < 3600:
        wait = seconds_to_wait(dispatches, NOW + time, spent=0)
        time += wait
        if not wait:
            gaps.append(time - made_at(dispatches[-1]))
            dispatches.append(made(-time))
    assert gaps[0] == pytest.approx(OFFERED)
    assert max(gaps) > 100
    assert len(gaps) < 40


def made_at(dispatch: AgentDispatch) -> float:
    return dispatch.state.created_at / 1e9 - NOW


def test_agents_that_do_not_stay_are_sent_ever_more_rarely() -> None:
    crashes = [made(ago, taken=True) for ago in (5, 4, 3)]
    assert seconds_to_wait(crashes, NOW, spent=NOW) == 0
    crashes.append(made(2, taken=True))
    fourth = seconds_to_wait(crashes, NOW, spent=NOW)
    crashes.append(made(1, taken=True))
    assert 0 <= fourth < 2 < seconds_to_wait(crashes, NOW, spent=NOW)
    assert seconds_to_wait(crashes, NOW, spent=NOW, anew=NOW) == 0  # with a worker that is new


def test_a_new_worker_gets_the_room_at_once_though_many_offers_found_none() -> None:
    offers = [made(ago) for ago in (300, 200, 100, 50, 30, 20, 10)]
    assert seconds_to_wait(offers, NOW, spent=0) > 0
    assert seconds_to_wait(offers, NOW, spent=NOW - 1) == 0


@pytest.mark.parametrize(
    ("metadata", "required"),
    [
        ("", None),
        ("{}", None),
        ("no JSON", None),
        ("[]", None),
        ('"require_agent"', None),
        ('{"require_agent": "false"}', False),
        ('{"require_agent": 0}', False),
        ('{"require_agent": true}', True),
        ('{"require_agent": false}', False),
    ],
)
def test_what_the_metadata_of_a_room_says(metadata: str, required: bool | None) -> None:
    assert requirement(metadata) is required


def test_a_room_is_marked_and_keeps_its_metadata() -> None:
    assert with_requirement("") == '{"require_agent":true}'
    assert with_requirement('{"colour": "blue"}') == '{"colour":"blue","require_agent":true}'
    assert with_requirement("no JSON") is None
    assert with_requirement("[]") is None
