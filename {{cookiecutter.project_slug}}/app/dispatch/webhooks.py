"""What LiveKit reports of its rooms: https://docs.livekit.io/intro/basics/rooms-participants-tracks/webhooks-events/"""

import time

from livekit.api import TokenVerifier, WebhookReceiver
from livekit.protocol.webhook import WebhookEvent

from app.settings import Settings

# Seconds for which LiveKit's signature of an event holds, with a minute's leeway for the clocks.
VALID = 6 * 60


class NotLiveKit(Exception):
    """Whoever sent this does not have the API secret, or has changed what LiveKit sent."""


class Repeated(Exception):
    """This event was received before."""


class Webhooks:
    """Reads events, each once."""

    def __init__(self, settings: Settings) -> None:
        secret = settings.livekit_api_secret.get_secret_value()
        self._receiver = WebhookReceiver(TokenVerifier(settings.livekit_api_key, secret))
        self._received: dict[str, float] = {}

    def receive(self, body: bytes, signature: str) -> WebhookEvent:
        """The event in `body`.

        Args:
            signature: the header Authorization, a token that LiveKit signed for this body.

        Raises:
            NotLiveKit, Repeated: it is not to be acted on.
        """
        try:
            event = self._receiver.receive(body.decode(), signature)
        except Exception:  # the receiver itself raises nothing more precise
            raise NotLiveKit from None
        if not event.id:
            raise NotLiveKit
        now = time.monotonic()
        while self._received and next(iter(self._received.values())) < now - VALID:
            del self._received[next(iter(self._received))]
        if event.id in self._received:
            raise Repeated
        self._received[event.id] = now
        return event
