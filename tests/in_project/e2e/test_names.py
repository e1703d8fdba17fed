# file only 1.8
"""The worker has no name but ours, except one from `lk agent simulate` for simulated rooms."""

from livekit.api import AccessToken, RoomAgentDispatch, RoomConfiguration, VideoGrants

from app.dispatch.names import our_name
from app.settings import load_settings
from tests.e2e.person import Person
from tests.e2e.programs import LiveKit, livekit_running, program, run

NAME = our_name(load_settings())


async def test_livekit_toml_does_not_name_the_worker() -> None:
    with (
        livekit_running() as livekit,
        livekit.worker("tests.e2e.named_worker", NAMED="as it starts"),
        livekit.backend() as backend,
    ):
        person = await Person.with_token_from(backend)
        agent = await person.meets_agent()
        assert agent.attributes["lk.agent_name"] == NAME
        await person.leave()


def test_a_worker_registered_under_another_name_stops(livekit: LiveKit) -> None:
    ports = {"WORKER_HOST": "127.0.0.1", "WORKER_PORT": "0"}
    result = run("tests.e2e.named_worker", "start", env={**livekit.env, **ports, "NAMED": "later"})
    assert result.returncode == 1
    assert "Traceback" not in result.stdout + result.stderr
    message = f"Stopping: this worker is registered as 'from-nowhere', not as {NAME!r}"
    assert result.stdout.count(message) + result.stderr.count(message) == 1


async def test_a_simulation_by_lk_gets_the_agent_it_asks_for(livekit: LiveKit) -> None:
    name = "simulation-1"
    start = (
        *("livekit.agents", "start", "app/agent.py", "--url", livekit.url),
        *("--api-key", livekit.key, "--api-secret", livekit.secret),
        *("--log-level", "DEBUG", "--simulation", "--log-format", "colored"),
    )
    env = {**livekit.env, "LIVEKIT_AGENT_NAME_OVERRIDE": name}
    token = AccessToken(livekit.key, livekit.secret).with_identity("simulated-person")
    token.with_grants(VideoGrants(room_join=True, room="simulated"))
    token.with_room_config(RoomConfiguration(agents=[RoomAgentDispatch(agent_name=name)]))
    with program(*start, ready="registered worker", env=env):
        person = await Person.with_token(livekit.url, token.to_jwt())
        agent = await person.meets_agent()
        assert agent.attributes["lk.agent_name"] == name
        await person.leave()
