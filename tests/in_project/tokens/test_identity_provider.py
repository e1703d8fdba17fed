"""Who may get a token from a backend with an identity provider (TOKEN_AUTH=jwt)."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from livekit.api import TokenVerifier

from app.settings import Settings
from tests.tokens.test_sign_in import ask, settings_with

ISSUER, AUDIENCE = "https://id.example.com/", "my-app"
OURS, ANOTHER = (generate_private_key(65537, 2048) for _ in range(2))


@pytest.fixture(scope="module")
def jwks_url() -> Iterator[str]:
    """The URL at which an identity provider publishes the public key of OURS."""
    key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(OURS.public_key())) | {"kid": "1"}

    class Provider(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"keys": [key]}).encode())

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Provider) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/jwks.json"
        server.shutdown()
        thread.join()


@pytest.fixture
def provider(jwks_url: str) -> Settings:
    return settings_with(
        token_auth="jwt",
        token_jwks_url=jwks_url,
        token_jwt_issuer=ISSUER,
        token_jwt_audience=AUDIENCE,
    )


def signed(key: RSAPrivateKey = OURS, **changes: Any) -> str:
    """A token of the identity provider."""
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ann", "exp": time.time() + 300} | changes
    return jwt.encode(
        {name: value for name, value in claims.items() if value is not None},
        key,
        algorithm="RS256",
        headers={"kid": "1"},
    )


def test_a_person_who_signed_in_gets_a_token_for_their_identity(
    monkeypatch: pytest.MonkeyPatch, provider: Settings
) -> None:
    for body in ({}, {"participant_identity": "ann"}, {"participant_identity": ""}):
        answer = ask(provider, monkeypatch, signed(), **body)
        assert TokenVerifier().verify(answer.json()["participant_token"]).identity == "ann"


def test_a_person_who_signed_in_cannot_take_another_identity(
    monkeypatch: pytest.MonkeyPatch, provider: Settings
) -> None:
    answer = ask(provider, monkeypatch, signed(), participant_identity="bob")
    assert answer.status_code == 403
    assert answer.json()["detail"].startswith("participant_identity: ")


@pytest.mark.parametrize(
    "bearer",
    [
        "",
        "no token",
        signed(key=ANOTHER),
        signed(exp=time.time() - 120),
        signed(exp=None),
        signed(iss="https://id.example.org/"),
        signed(aud="another-app"),
        signed(sub=None),
        signed(sub=""),
        signed(sub="a" * 257),
        signed(sub="\ud800"),
        jwt.encode({"sub": "ann"}, OURS, "RS256", headers={"kid": "\ud800"}),
        jwt.encode({"sub": "ann"}, "a secret of thirty-two characters", headers={"kid": "1"}),
    ],
    ids=str.split("none no-token key late no-end issuer app nobody empty long half kid HS256"),
)
def test_a_token_that_the_provider_did_not_issue_is_refused(
    monkeypatch: pytest.MonkeyPatch, provider: Settings, bearer: str
) -> None:
    answer = ask(provider, monkeypatch, bearer)
    assert answer.status_code == 401
    assert answer.json()["detail"].startswith("Authorization: ")


def test_a_provider_that_does_not_answer_is_reported(
    monkeypatch: pytest.MonkeyPatch, provider: Settings
) -> None:
    away = provider.model_copy(update={"token_jwks_url": "http://127.0.0.1:1/jwks.json"})
    answer = ask(away, monkeypatch, signed())
    assert answer.status_code == 503
    assert answer.json()["detail"] == "The identity provider does not answer"
