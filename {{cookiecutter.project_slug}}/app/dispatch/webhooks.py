"""LiveKit's webhooks: https://docs.livekit.io/intro/basics/rooms-participants-tracks/webhooks-events/"""

import time

from fastapi import HTTPException
from livekit.api import TokenVerifier, WebhookEvent, WebhookReceiver

from app.settings import Settings

VALID_SECONDS = 6 * 60  # lifetime of LiveKit's signature, plus a minute of clock skew


class Webhooks:
    """Verifies events, and accepts each only once."""

    def __init__(self, settings: Settings) -> None:
        secret = settings.livekit_api_secret.get_secret_value()
        self._receiver = WebhookReceiver(TokenVerifier(settings.livekit_api_key, secret))
        self._received: dict[str, float] = {}

    def receive(self, body: bytes, signature: str) -> WebhookEvent:
        """Return the event in `body`, if `signature` (the Authorization header) matches."""
        try:
            event = self._receiver.receive(body.decode(), signature)
        except Exception:  # the receiver raises nothing more precise
            raise HTTPException(401, "Authorization: not a valid LiveKit signature") from None
        now = time.monotonic()
        while self._received and next(iter(self._received.values())) < now - VALID_SECONDS:
            del self._received[next(iter(self._received))]
        if event.id in self._received:
            raise HTTPException(409, "body: this event was already received")
        self._received[event.id] = now
        return event
