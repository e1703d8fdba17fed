# file only pipeline or realtime
"""The scenarios in evals/scenarios.yaml, and how tests play them."""

import warnings
from pathlib import Path
from typing import Any

import pytest
import yaml
from livekit.agents import AgentSession, RunResult, llm
from pydantic import BaseModel

from app.assistant import Assistant
from app.settings import Settings

PROJECT = Path(__file__).parents[1]


class Strict(BaseModel, strict=True, extra="forbid"):
    pass


class Call(Strict):
    """The tool that the model should call."""

    name: str
    arguments: dict[str, Any]


class Turn(Strict):
    """What a person says."""

    says: str
    call: Call | None = None


class Userdata(Strict):
    """Ours; LiveKit passes it to the agent."""

    turns: list[Turn] = []


class Scenario(Strict):
    """The fields that `lk` knows (livekit-cli, yamlScenario in cmd/lk/simulate.go, c897fb3, read).

    It ignores others; here they are errors, because they may be misspelt.
    """

    label: str
    instructions: str
    agent_expectations: str
    tags: dict[str, str] = {}
    userdata: Userdata = Userdata()


class Scenarios(Strict):
    name: str
    scenarios: list[Scenario]


TEXT = (PROJECT / "evals" / "scenarios.yaml").read_text(encoding="utf-8")
SCENARIOS = Scenarios.model_validate(yaml.safe_load(TEXT)).scenarios
CALLS = {t.says: t.call for s in SCENARIOS for t in s.userdata.turns if t.call}  # for fake models
each = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.label)


async def play(scenario: Scenario, model: Any, judge: llm.LLM[Any]) -> None:
    """Have the conversation of `scenario` with `model`, and assert what is expected of it."""
    async with AgentSession[None](llm=model) as session:
        run: RunResult[None] = await session.start(Assistant(), capture_run=True)
        for turn in scenario.userdata.turns:
            run = await session.run(user_input=turn.says)
            if turn.call:
                run.expect.contains_function_call(
                    name=turn.call.name, arguments=turn.call.arguments
                )
        answer = run.expect[-1].is_message(role="assistant")
        await answer.judge(judge, intent=scenario.agent_expectations)


def real_settings(monkeypatch: pytest.MonkeyPatch) -> Settings | None:
    """Return the settings if they have a key for the models."""
    if (PROJECT / ".env").exists():
        for variable in ("LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET"):
            monkeypatch.delenv(variable)  # set for the other tests; .env has the real ones
    settings = Settings()
    if not settings.missing_key:
        return settings
    warnings.warn(f"Fake models answered. {settings.missing_key}", stacklevel=1)
    return None
