"""The token backend: issues tokens for rooms, and serves the page that uses them.

`POST /token` is LiveKit's standard token endpoint, which every client SDK can call
(`TokenSource.endpoint(url)`): https://docs.livekit.io/frontends/build/authentication/endpoint/
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, FastAPI, HTTPException, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from pydantic import BaseModel, ValidationError
from pydantic_core import to_json

from app.dispatch.rooms import Rooms
from app.dispatch.webhooks import Webhooks
from app.doctor.reach import Failure
from app.doctor.server import validate
from app.observability import logs, metrics
from app.settings import load_settings
from app.tokens.mint import Mint
from app.tokens.rate_limit import RateLimit
from app.tokens.request import Refused, TokenRequest
from app.tokens.sign_in import check_host, choose_sign_in

BODY_LIMIT_BYTES = 700 * 1024  # a longer request would make the token too long
EVENT_LIMIT_BYTES = 2 * 1024 * 1024  # an event holds the metadata of a room and of a participant
BODY_TIMEOUT_SECONDS = 10

# Clients send headers of their own, such as X-Sandbox-Id.
CORS: Any = {"allow_methods": ["POST"], "allow_headers": ["*"], "expose_headers": ["Retry-After"]}
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
logs.choose_log_format(settings.token_log_format)
if settings.token_metrics_port:
    metrics.serve_metrics(settings.token_metrics_host, settings.token_metrics_port)
sign_in = choose_sign_in(settings)
rate_limit = RateLimit(settings.token_rate_limit, settings.token_redis_url.get_secret_value())
mint = Mint(settings)
rooms = Rooms(settings)
webhooks = Webhooks(settings)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    async with rooms:
        rooms.sweep()
        yield


@dataclass(frozen=True)
class TokenResponse:
    """The LiveKit URL to connect to, and the token for it. LiveKit's web starters use camelCase."""

    server_url: str
    participant_token: str
    serverUrl: str
    participantToken: str


class Refusal(BaseModel):
    """Why the request was refused, in one sentence (the shape of FastAPI's own errors)."""

    detail: str


app = FastAPI(
    title="LiveKit token backend",
    lifespan=lifespan,
    redoc_url=None,
    swagger_ui_oauth2_redirect_url=None,
    telemetry={"tracing": False, "metrics": False, "logs": False},  # it would look at each request
)
if settings.token_cors_origins:
    app.add_middleware(CORSMiddleware, allow_origins=settings.token_cors_origins, **CORS)


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
        metrics.TOKEN_REQUESTS.labels(status).inc()


async def answer_with_token(request: Request) -> Response:
    if not settings.token_auth:
        check_host(request.headers.get("Host", "localhost"))
    await rate_limit.count((request.scope["client"] or [""])[0])
    scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
    identity = await sign_in(bearer if scheme.lower() == "bearer" else "")
    try:
        if request.scope["query_string"]:
            for key in filter(TokenRequest.hint, request.query_params):
                raise Refused(f"{key:.100}: send it in the JSON body, not in the URL")
        body = (await read_body(request, BODY_LIMIT_BYTES)).removeprefix(b"\xef\xbb\xbf").strip()
        token_request = TokenRequest.model_validate_json(b"{}" if body in (b"", b"null") else body)
        if identity and token_request.participant_identity not in (None, "", identity):
            raise HTTPException(403, "participant_identity: does not match your sign-in")
        grant = mint.grant(token_request, identity)
        if token_request.room_name:
            rooms.expect(token_request.room_name, grant.options)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(f"{part:.100}" for part in map(str, first["loc"])) or "body"
        raise HTTPException(422, f"{field}: {first['msg']}") from None
    except Refused as error:
        raise HTTPException(422, str(error)) from None
    url = settings.token_server_url or settings.livekit_url
    answer = TokenResponse(url, grant.token, url, grant.token)
    return Response(to_json(answer), 201, {"Cache-Control": "no-store"}, "application/json")


class TokenRoute(APIRoute):
    """Documented by its endpoint, but answered by `create_token`, which sees the request itself.

    FastAPI would read a body parameter before the sign-in. Without one, sign-in and rate limit
    could be dependencies, but then 0.165.0 takes 62 µs for a request instead of 24 (measured).
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        return create_token


def documentation(
    body: Annotated[TokenRequest | None, Body(examples=[{"room_name": "hello"}])] = None,
    bearer: Annotated[object, Depends(HTTPBearer(auto_error=False))] = None,
) -> None:
    """Issue a token to join a room. Every field is optional, and so is the body."""


app.router.add_api_route(
    "/token",
    documentation,
    name="create_token",
    methods=["POST"],
    route_class_override=TokenRoute,
    status_code=201,
    response_model=TokenResponse,
    responses={status: {"model": Refusal} for status in (400, 401, 403, 408, 413, 422, 429, 503)},
)


async def read_body(request: Request, limit: int) -> bytes:
    """Read at most `limit` bytes of body, for at most BODY_TIMEOUT_SECONDS."""
    size, chunks, received, more = int(request.headers.get("Content-Length", 0)), [], 0, True
    try:
        async with asyncio.timeout(BODY_TIMEOUT_SECONDS):
            while more and size <= limit:
                message = await request.receive()  # request.body() would have no limit
                if message["type"] == "http.disconnect":
                    raise HTTPException(400, "body: incomplete")
                chunks.append(message.get("body", b""))
                received += len(chunks[-1])
                size, more = received, message.get("more_body", False)
    except TimeoutError:
        raise HTTPException(408, "body: sent too slowly") from None
    if size > limit:
        raise HTTPException(413, f"body: is longer than {limit:,} bytes")
    return b"".join(chunks)


@app.post(
    "/livekit/webhook",
    status_code=204,
    responses={status: {"model": Refusal} for status in (400, 401, 408, 409, 413)},
)
async def receive_webhook(request: Request) -> None:
    """Receive LiveKit's webhooks, which report who joins and leaves."""
    body = await read_body(request, EVENT_LIMIT_BYTES)
    rooms.handle(webhooks.receive(body, request.headers.get("Authorization", "")))


@app.get("/health")
async def health() -> dict[str, str]:
    """Report that this backend is running."""
    return {"status": "ok"}


@app.get("/ready", responses={503: {"model": Refusal}})
async def ready() -> dict[str, str]:
    """Report whether LiveKit answers and accepts the API key."""
    answer = await validate(settings)
    if isinstance(answer, Failure):
        raise HTTPException(503, f"LiveKit does not answer at LIVEKIT_URL: {answer.reason}")
    if answer.status != 200:
        raise HTTPException(503, f"LiveKit rejects the API key (HTTP {answer.status})")
    return {"status": "ok"}


async def add_page_headers(response: Response) -> None:
    response.headers.update(PAGE_HEADERS)


page = APIRouter(dependencies=[Depends(add_page_headers)])
page.frontend("/", directory=Path(__file__).parent / "web", fallback=None)
app.include_router(page)
