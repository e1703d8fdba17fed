"""`POST /livekit/webhook`: only events from LiveKit are handled, and each only once."""

import base64
import hashlib
import json

import pytest
from fastapi.testclient import TestClient
from livekit.api import AccessToken, VideoGrants, WebhookEvent

from app import api
from app.settings import load_settings

KEY = load_settings().livekit_api_key
GRANTS = VideoGrants(room_join=True, room="hall")
SECRET = load_settings().livekit_api_secret.get_secret_value()


@pytest.fixture
def received(monkeypatch: pytest.MonkeyPatch) -> list[WebhookEvent]:
    events: list[WebhookEvent] = []
    monkeypatch.setattr(api.rooms, "handle", events.append)
    return events


def body(number: int) -> str:
    return json.dumps({"event": "room_started", "id": f"EV_{number}", "room": {"name": "hall é"}})


def signed(text: str, key: str = KEY, secret: str = SECRET) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return AccessToken(key, secret).with_sha256(base64.b64encode(digest).decode()).to_jwt()


def send(text: str, signature: str) -> tuple[int, str]:
    answer = TestClient(api.app).post(
        "/livekit/webhook", content=text.encode(), headers={"Authorization": signature}
    )
    return answer.status_code, answer.text


def test_it_handles_events_signed_by_livekit(received: list[WebhookEvent]) -> None:
    assert send(body(1), signed(body(1))) == (204, "")
    assert [event.room.name for event in received] == ["hall é"]


@pytest.mark.parametrize(
    ("text", "signature"),
    [
        (body(2), ""),
        (body(2), "no token"),
        (body(2), signed(body(2), secret="of-somebody-else-with-32-letters---")),
        (body(2), signed(body(2), key="another key")),
        (body(2) + " ", signed(body(2))),
        (body(2), AccessToken(KEY, SECRET).with_identity("ann").with_grants(GRANTS).to_jwt()),
        ("no event", signed("no event")),
    ],
    ids=[
        "unsigned",
        "nonsense",
        "another secret",
        "another key",
        "changed",
        "a person's token",
        "no event",
    ],
)
def test_events_that_livekit_did_not_sign_are_rejected(
    received: list[WebhookEvent], text: str, signature: str
) -> None:
    status, detail = send(text, signature)
    assert status == 401
    assert "Authorization" in detail
    assert not received


def test_each_event_is_accepted_once(received: list[WebhookEvent]) -> None:
    signature = signed(body(3))
    assert send(body(3), signature)[0] == 204
    assert send(body(3), signature)[0] == 409
    assert send(body(3), signed(body(3)))[0] == 409
    assert len(received) == 1


def test_an_oversized_event_is_refused(received: list[WebhookEvent]) -> None:
    assert send(" " * (api.EVENT_LIMIT_BYTES + 1), "")[0] == 413
