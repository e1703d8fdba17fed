"""The token backend: issues tokens for rooms, and serves the page that uses them.

`POST /token` is LiveKit's standard token endpoint, which every client SDK can call
(`TokenSource.endpoint(url)`): https://docs.livekit.io/frontends/authentication/tokens/endpoint/
"""

import asyncio
import http.client
import logging
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from pydantic import BaseModel, ValidationError
from pydantic_core import to_json
from starlette.requests import ClientDisconnect

from app.dispatch import proxy
from app.dispatch.rooms import Rooms
from app.dispatch.webhooks import NotLiveKit, Repeated, Webhooks
from app.observability.logs import choose_log_format
from app.observability.metrics import TOKEN_REQUESTS, serve_metrics
from app.settings import load_settings
from app.tokens.mint import Mint
from app.tokens.rate_limit import RateLimit
from app.tokens.request import Refused, TokenRequest
from app.tokens.sign_in import choose_sign_in

BODY_LIMIT_BYTES = 700 * 1024  # a longer request would make the token too long
EVENT_LIMIT_BYTES = 2 * 1024 * 1024  # an event holds the metadata of a room and of a participant
BODY_TIMEOUT_SECONDS = 10
READY_TIMEOUT_SECONDS = 3
READY_THREADS = CapacityLimiter(4)  # separate, so that health checks never delay a token

PAGE_HEADERS = {
    # The page connects to any host: LiveKit Cloud redirects a client to a server near it.
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; media-src 'self' blob:; "
        "script-src 'self' https://cdn.jsdelivr.net/npm/livekit-client@2.23.0/; "
        "connect-src 'self' ws: wss: http: https:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}

settings = load_settings()
choose_log_format(settings.token_log_format)
if proxy.extend_no_proxy(settings.livekit_url):
    proxy.log_bypass(settings.livekit_url, logging.WARNING)
if settings.token_metrics_port:
    serve_metrics(settings.token_metrics_host, settings.token_metrics_port)
sign_in = choose_sign_in(settings)
rate_limit = RateLimit(settings.token_rate_limit, settings.token_redis_url.get_secret_value())
mint = Mint(settings)
rooms = Rooms(settings)
webhooks = Webhooks(settings)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    if not settings.dispatch_ensure:
        yield
        return
    async with rooms:
        rooms.sweep()
        yield


class TokenBackend(FastAPI):
    def openapi(self) -> dict[str, Any]:
        schema = super().openapi()
        schema["components"]["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
        return schema


class TokenResponse(BaseModel):
    """The LiveKit URL to connect to, and the token for it."""

    server_url: str
    participant_token: str


class Refusal(BaseModel):
    """Why the request was refused, in one sentence (the shape of FastAPI's own errors)."""

    detail: str


app = TokenBackend(
    title="LiveKit token backend",
    lifespan=lifespan,
    redoc_url=None,
    swagger_ui_oauth2_redirect_url=None,
)
if settings.token_cors_origins:
    app.add_middleware(
        CORSMiddleware,
        allow_origins=settings.token_cors_origins,
        allow_methods=["POST"],
        allow_headers=["Authorization"],
        expose_headers=["Retry-After"],
    )


# The schema is written by hand, because FastAPI itself would read the body before the sign-in.
@app.post(
    "/token",
    status_code=201,
    response_model=TokenResponse,
    responses={status: {"model": Refusal} for status in (400, 401, 403, 408, 413, 422, 429, 503)},
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": TokenRequest.model_json_schema(),
                    "examples": {
                        "a person in a room": {
                            "value": {"room_name": "hello", "participant_name": "Ann"}
                        },
                        "anybody in a new room": {"value": {}},
                    },
                }
            },
        },
        "security": [{}, {"bearer": []}],
    },
)
async def create_token(request: Request) -> Response:
    status = 500
    try:
        answer = await answer_with_token(request)
        status = answer.status_code
        return answer
    except HTTPException as error:
        status = error.status_code
        raise
    finally:
        TOKEN_REQUESTS.labels(status).inc()


async def answer_with_token(request: Request) -> Response:
    await rate_limit.count(request.client.host if request.client else "")
    scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
    identity = await sign_in(bearer if scheme.lower() == "bearer" else "")
    try:
        token_request = TokenRequest.model_validate_json(await read_body(request, BODY_LIMIT_BYTES))
        if identity and token_request.participant_identity not in (None, "", identity):
            raise HTTPException(403, "participant_identity: does not match your sign-in")
        grant = mint.grant(token_request, identity)
        if token_request.room_name:
            rooms.expect(token_request.room_name, grant.job_metadata)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "body"
        raise HTTPException(422, f"{field}: {first['msg']}") from None
    except Refused as error:
        raise HTTPException(422, str(error)) from None
    url = settings.token_server_url or settings.livekit_url
    answer = {"server_url": url, "participant_token": grant.token}
    return Response(to_json(answer), 201, {"Cache-Control": "no-store"}, "application/json")


async def read_body(request: Request, limit: int) -> bytes:
    """Read at most `limit` bytes of body, for at most BODY_TIMEOUT_SECONDS."""
    too_long = f"body: is longer than {limit:,} bytes"
    if int(request.headers.get("Content-Length", 0)) > limit:
        raise HTTPException(413, too_long)
    body = bytearray()  # bytes would be copied for every chunk
    try:
        async with asyncio.timeout(BODY_TIMEOUT_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    raise HTTPException(413, too_long)
    except ClientDisconnect:
        raise HTTPException(400, "body: incomplete") from None
    except TimeoutError:
        raise HTTPException(408, "body: sent too slowly") from None
    return bytes(body)


@app.post(
    "/livekit/webhook",
    status_code=204,
    responses={status: {"model": Refusal} for status in (400, 401, 408, 409, 413)},
)
async def receive_webhook(request: Request) -> None:
    """Receive LiveKit's webhooks, which report who joins and leaves."""
    body = await read_body(request, EVENT_LIMIT_BYTES)
    try:
        rooms.handle(webhooks.receive(body, request.headers.get("Authorization", "")))
    except NotLiveKit:
        raise HTTPException(401, "Authorization: not a valid LiveKit signature") from None
    except Repeated:
        raise HTTPException(409, "body: this event was already received") from None


@app.get("/health")
async def health() -> dict[str, str]:
    """Report that this backend is running."""
    return {"status": "ok"}


@app.get("/ready", responses={503: {"model": Refusal}})
async def ready() -> dict[str, str]:
    """Report whether LiveKit answers and accepts the API key."""
    await to_thread.run_sync(check_livekit, limiter=READY_THREADS)
    return {"status": "ok"}


def check_livekit() -> None:
    token = mint.sign({"sub": "ready", "video": {"roomJoin": True, "room": "ready"}})
    request = urllib.request.Request(  # noqa: S310  its scheme is checked with the settings
        settings.livekit_url.rstrip("/").replace("ws", "http", 1) + "/rtc/validate",
        headers={"Authorization": f"Bearer {token}"},
    )
    try:
        urllib.request.urlopen(request, timeout=READY_TIMEOUT_SECONDS).close()  # noqa: S310
    except urllib.error.HTTPError as error:
        raise HTTPException(503, f"LiveKit rejects the API key (HTTP {error.code})") from None
    except (OSError, http.client.HTTPException):
        raise HTTPException(503, "LiveKit does not answer at LIVEKIT_URL") from None


async def add_page_headers(response: Response) -> None:
    response.headers.update(PAGE_HEADERS)


page = APIRouter(dependencies=[Depends(add_page_headers)])
page.frontend("/", directory=Path(__file__).parent / "web", fallback=None)
app.include_router(page)
