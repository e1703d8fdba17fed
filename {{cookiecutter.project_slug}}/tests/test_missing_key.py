# file only pipeline or realtime
"""Missing keys of the models, and their finding in the doctor."""

import pytest

from app.doctor.checks import check_environment
from app.settings import Settings

KEYS = ("LIVEKIT_INFERENCE_API_KEY", "LIVEKIT_INFERENCE_API_SECRET")  # only pipeline
KEYS = ("OPENAI_API_KEY",)  # only realtime


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(Settings.model_config, "env_file", None)
    for variable in KEYS:
        monkeypatch.delenv(variable, raising=False)


def test_the_doctor_names_the_missing_key() -> None:
    (finding,) = check_environment(Settings())
    assert (finding.level, finding.cause) == ("warning", "no-model-key")
    assert KEYS[0] in finding.seen


# begin only pipeline
def test_in_livekit_cloud_the_livekit_key_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVEKIT_URL", "wss://example.livekit.cloud")
    settings = Settings()
    assert not settings.missing_key
    assert settings.inference_credentials[0] == settings.livekit_api_key


def test_half_an_inference_key_is_not_enough(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LIVEKIT_URL", "wss://example.livekit.cloud")
    monkeypatch.setenv(KEYS[0], "another")
    assert Settings().missing_key


def test_an_inference_key_overrides_the_livekit_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVEKIT_URL", "wss://example.livekit.cloud")
    for variable in KEYS:
        monkeypatch.setenv(variable, "another")
    assert Settings().inference_credentials == ("another", "another")


# end only pipeline
def test_a_key_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in KEYS:
        assert Settings().missing_key
        monkeypatch.setenv(variable, "a-key")
    assert not Settings().missing_key
    (finding,) = check_environment(Settings())
    assert finding.level == "ok"
