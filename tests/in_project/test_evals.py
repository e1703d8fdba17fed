# file only pipeline or realtime
"""A scenario fails when it should."""

import pytest
from pydantic import ValidationError

from tests import evals
from tests.fake_models import FakeJudge, FakeLLM, call

GREETING, TOKYO, _ = evals.SCENARIOS
ANSWERS = {TOKYO.userdata.turns[0].says: [call("time_in", zone="Asia/Tokyo")]}


async def test_an_answer_that_the_judge_rejects_fails_a_scenario() -> None:
    await evals.play(GREETING, FakeLLM({}), FakeJudge())
    with pytest.raises(AssertionError, match="the script says so"):
        await evals.play(GREETING, FakeLLM({}), FakeJudge(success=False))


async def test_a_tool_that_is_not_called_fails_a_scenario() -> None:
    await evals.play(TOKYO, FakeLLM(ANSWERS), FakeJudge())
    with pytest.raises(AssertionError, match="No FunctionCallEvent"):
        await evals.play(TOKYO, FakeLLM({}), FakeJudge())


def test_a_misspelt_field_is_refused() -> None:
    fields = GREETING.model_dump()
    with pytest.raises(ValidationError, match="agent_expectation\n"):
        evals.Scenario.model_validate({**fields, "agent_expectation": "Says hello."})
