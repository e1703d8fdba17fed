"""A room gets the agent when it asks for it by name, as our tokens do."""

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient
from google.protobuf.json_format import MessageToDict
from livekit.api import AgentDispatch, TokenVerifier

from app.api import app
from app.dispatch import names, policy
from app.settings import load_settings
from tests.fake_dispatcher import FakeDispatcher


async def test_the_worker_registers_its_name(dispatcher: FakeDispatcher) -> None:
    assert dispatcher.registration.result().agent_name == "concierge"


def test_a_variable_that_gives_the_worker_another_name_is_removed_with_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    environ = {"LIVEKIT_AGENT_NAME": "concierge", "LIVEKIT_AGENT_NAME_OVERRIDE": "x"}
    names.ignore_names(environ, load_settings())
    assert environ == {"LIVEKIT_AGENT_NAME": "concierge"}
    assert caplog.messages[0] == "⚠️  agent_name is set to: 'x'"
    assert caplog.messages[-1] == "Ignored: LIVEKIT_AGENT_NAME_OVERRIDE does not name this worker."


@pytest.mark.parametrize("agents", [[], [{}], [{"agent_name": "other"}]])
def test_a_token_asks_for_our_agent_whatever_the_client_asks_for(
    agents: list[dict[str, str]],
) -> None:
    answer = TestClient(app).post("/token", json={"room_config": {"agents": agents}})
    configuration = TokenVerifier().verify(answer.json()["participant_token"]).room_config
    assert configuration is not None
    assert [agent.agent_name for agent in configuration.agents] == ["concierge"]
    assert json.loads(configuration.metadata) == {"require_agent": True}


@pytest.mark.parametrize(
    ("agents", "metadata"),
    [
        ([{"agent_name": "concierge", "metadata": "m"}], "m"),
        ([{"metadata": "m"}], "m"),  # from a client that gives metadata but no name
        ([{"agent_name": "other", "metadata": "m"}], ""),
        ([{"agentName": "other", "metadata": "m"}], ""),
        ([{"metadata": "m"}, {"metadata": "m"}], "m"),
        ([{"agent_name": "other"}, {"agent_name": "concierge", "metadata": "m"}], "m"),
        ([{"metadata": '{"agent_name": "other", "tier": "gold"}'}], '{"tier":"gold"}'),
    ],
)
def test_only_the_metadata_for_our_agent_is_kept(
    agents: list[dict[str, str]], metadata: str
) -> None:
    answer = TestClient(app).post("/token", json={"room_config": {"agents": agents}})
    configuration = TokenVerifier().verify(answer.json()["participant_token"]).room_config
    assert configuration is not None
    (agent,) = configuration.agents
    assert (agent.agent_name, agent.metadata) == ("concierge", metadata)


def test_the_options_of_our_agents_job_are_kept() -> None:
    agent = {"metadata": "m", "deployment": "beta", "attributes": {"language": "de"}}
    agents = [agent | {"agentName": "concierge", "restartPolicy": "JRP_ON_FAILURE"}]
    answer = TestClient(app).post("/token", json={"room_config": {"agents": agents}})
    configuration = TokenVerifier().verify(answer.json()["participant_token"]).room_config
    assert configuration is not None
    assert MessageToDict(configuration.agents[0]) == agent | {"agentName": "concierge"}


@pytest.mark.parametrize(
    ("agents", "reason"),
    [
        ([{"agent_name": ["x"]}], "agents.0.agent_name: Input should be a valid string"),
        ([{"metadata": 7}], "agents.0.metadata: Input should be a valid string"),
        ([{"metadata": "m"}, {"metadata": "n"}], "agents: asks for our agent twice"),
        ([{"restart_policy": "JRP_NEVER"}], "agents.0.restart_policy: Input should be"),
        ([{"attributes": {"lk.simulator": "1"}}], "agents.attributes: must not begin with lk."),
        ([{"name": "concierge"}], "agents.0.name: use agent_name"),
    ],
)
def test_what_an_agent_cannot_have_is_refused(agents: list[dict[str, Any]], reason: str) -> None:
    answer = TestClient(app).post("/token", json={"room_config": {"agents": agents}})
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(f"room_config.{reason}")


def test_a_name_in_metadata_is_dropped_and_the_rest_kept() -> None:
    metadata = json.dumps({"agent_name": "other", "tier": "gold"})
    configuration = names.room_configuration({"metadata": metadata}, load_settings())
    assert json.loads(configuration["metadata"]) == {"tier": "gold", "require_agent": True}


@pytest.mark.parametrize(
    ("asked_for", "is_ours"),
    [
        ([], False),
        ([""], False),
        (["sales"], False),
        (["Concierge"], False),
        (["sales", "concierge"], True),
    ],
)
def test_which_rooms_are_ours(asked_for: list[str], is_ours: bool) -> None:
    dispatches = [AgentDispatch(agent_name=name) for name in asked_for]
    assert policy.is_our_room(names.our_name(load_settings()), dispatches) is is_ours
