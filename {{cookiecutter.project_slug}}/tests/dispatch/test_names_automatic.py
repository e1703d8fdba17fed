"""Every new room gets the agent, whatever name a client, a variable or metadata contains."""

import json
import logging

import pytest
from fastapi.testclient import TestClient
from livekit.api import AgentDispatch, TokenVerifier
from prometheus_client import REGISTRY

from app.api import app
from app.dispatch import names, policy
from app.settings import load_settings
from tests.fake_dispatcher import FakeDispatcher


async def test_the_worker_registers_without_a_name(dispatcher: FakeDispatcher) -> None:
    assert dispatcher.registration.result().agent_name == ""


@pytest.mark.parametrize("variable", names.NAMING_VARIABLES)
def test_a_variable_that_names_the_worker_is_removed_with_a_warning(
    variable: str, caplog: pytest.LogCaptureFixture
) -> None:
    environ = {variable: "x", "PATH": "/bin"}
    names.ignore_names(environ, load_settings())
    assert environ == {"PATH": "/bin"}
    assert caplog.messages == [
        "⚠️  agent_name is set to: 'x'",
        "⚠️  This will PREVENT automatic dispatch!",
        f"Ignored: {variable} does not name this worker.",
    ]


def test_no_warning_if_nothing_names_the_worker(caplog: pytest.LogCaptureFixture) -> None:
    names.ignore_names({"LIVEKIT_AGENT_NAME": ""}, load_settings())
    assert not caplog.messages


@pytest.mark.parametrize(
    "agents", [[{"agent_name": "other", "metadata": "m"}], [{"agentName": "other"}], [{}]]
)
def test_a_client_cannot_choose_an_agent(agents: list[dict[str, str]]) -> None:
    answer = TestClient(app).post("/token", json={"room_config": {"agents": agents}})
    configuration = TokenVerifier().verify(answer.json()["participant_token"]).room_config
    assert configuration is not None
    assert not configuration.agents
    assert json.loads(configuration.metadata) == {"require_agent": True}


def test_the_metadata_for_the_job_is_kept_without_a_name() -> None:
    body = {"room_config": {"agents": [{"metadata": "m"}]}}
    answer = TestClient(app).post("/token", json=body)
    configuration = TokenVerifier().verify(answer.json()["participant_token"]).room_config
    assert configuration is not None
    (agent,) = configuration.agents
    assert (agent.agent_name, agent.metadata) == ("", "m")


def test_a_deployment_is_refused() -> None:
    body = {"room_config": {"agents": [{"deployment": "beta"}]}}
    answer = TestClient(app).post("/token", json=body)
    assert answer.json() == {"detail": "room_config.agents.deployment: needs explicit dispatch"}


def test_a_client_that_asks_for_an_agent_is_logged_and_counted_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    before = REGISTRY.get_sample_value("app_agents_stripped_total") or 0
    names.room_configuration({"agents": [{"agent_name": "other"}]}, load_settings())
    assert caplog.messages == ["Ignored: a client asked for the agent 'other'."]
    assert REGISTRY.get_sample_value("app_agents_stripped_total") == before + 1


def test_a_name_in_participant_metadata_is_dropped() -> None:
    body = {"participant_metadata": '{"agent_name": "other", "tier": "gold"}'}
    answer = TestClient(app).post("/token", json=body)
    claims = TokenVerifier().verify(answer.json()["participant_token"])
    assert json.loads(claims.metadata) == {"tier": "gold"}


def test_a_name_in_metadata_is_dropped_and_the_rest_kept() -> None:
    metadata = json.dumps({"agent_name": "other", "tier": "gold"})
    configuration = names.room_configuration({"metadata": metadata}, load_settings())
    assert json.loads(configuration["metadata"]) == {"tier": "gold", "require_agent": True}
    assert json.loads(names.without_name(metadata)) == {"tier": "gold"}


@pytest.mark.parametrize(
    ("asked_for", "is_ours"), [([], True), ([""], True), (["", "sales"], True), (["sales"], False)]
)
def test_which_rooms_are_ours(asked_for: list[str], is_ours: bool) -> None:
    dispatches = [AgentDispatch(agent_name=name) for name in asked_for]
    assert policy.is_our_room(names.our_name(load_settings()), dispatches) is is_ours
