"""Who may get a token."""

from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from pydantic import SecretStr

from app import api
from app.settings import Settings, load_settings
from app.tokens.sign_in import choose_sign_in


def settings_with(**changes: Any) -> Settings:
    return load_settings().model_copy(update=changes)


def ask(settings: Settings, monkeypatch: pytest.MonkeyPatch, bearer: str, **body: str) -> Response:
    """Return the token backend's answer to a request with `bearer`."""
    monkeypatch.setattr(api, "sign_in", choose_sign_in(settings))
    headers = {b"Authorization": f"Bearer {bearer}".encode()} if bearer else {}
    return TestClient(api.app).post("/token", json=body, headers=headers)


@pytest.mark.parametrize(
    ("bearer", "status"), [("sésame", 201), ("sesame", 401), ("", 401), ("sésam", 401)]
)
def test_with_api_key_only_its_owner_gets_a_token(
    monkeypatch: pytest.MonkeyPatch, bearer: str, status: int
) -> None:
    settings = settings_with(token_auth="api-key", token_api_key=SecretStr("sésame"))
    answer = ask(settings, monkeypatch, bearer)
    assert answer.status_code == status
    if status == 401:
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert answer.json()["detail"].startswith("Authorization: ")
        assert "sésame" not in answer.text


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"livekit_url": "wss://example.livekit.cloud"}, "TOKEN_AUTH is missing"),
        ({"token_server_url": "wss://livekit.example.com"}, "TOKEN_AUTH is missing"),
        ({"token_auth": "api-key"}, "TOKEN_API_KEY"),
        ({"token_auth": "jwt"}, "TOKEN_JWKS_URL, TOKEN_JWT_ISSUER, TOKEN_JWT_AUDIENCE"),
    ],
)
def test_a_missing_choice_ends_the_program_with_one_line(
    changes: dict[str, str], line: str
) -> None:
    with pytest.raises(SystemExit, match=line) as end:
        choose_sign_in(settings_with(**changes))
    assert len(str(end.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("auth", "host", "status"),
    [
        (None, "localhost:8000", 201),
        (None, "192.168.1.20:8000", 201),
        (None, "my-laptop.local", 201),
        (None, "evil.example:8000", 403),
        (None, "127.0.0.1.evil.example", 403),
        ("none", "tokens.example.com", 201),
    ],
)
def test_a_page_with_a_name_of_its_own_gets_no_token(
    monkeypatch: pytest.MonkeyPatch, auth: str | None, host: str, status: int
) -> None:
    monkeypatch.setattr(api, "settings", settings_with(token_auth=auth))
    answer = TestClient(api.app).post("/token", headers={"Host": host})
    assert answer.status_code == status


@pytest.mark.parametrize("auth", [None, "none"])
def test_it_warns_that_everybody_gets_a_token(
    caplog: pytest.LogCaptureFixture, auth: str | None
) -> None:
    choose_sign_in(settings_with(token_auth=auth))
    assert "everybody" in caplog.text
