"""The settings: every environment variable that this project reads, with type and default.

Real environment variables override those in `.env`. `.env.example` explains each one.
"""

import logging
import os
import re
from io import StringIO
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from dotenv.parser import parse_stream
from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator
from pydantic.networks import AnyHttpUrl, AnyWebsocketUrl, RedisDsn
from pydantic_core import PydanticCustomError, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

logger = logging.getLogger("app.settings")

PLACEHOLDER = re.compile(r"[<>]|^([a-z]+://)?(your|replace|change)[-_ ]", re.IGNORECASE)
SECRET_LENGTH = 32  # characters; livekit-server requires it: the secret signs with HMAC-SHA256
IDLE_PROCESSES = 1  # only 1.0.23
IDLE_PROCESSES = 4  # only 1.8
# Stricter than pydantic, which repairs slashes, capitals and spaces: clients do not.
URL = re.compile(
    r"[a-z]+://([^\s\\/@]*@)?([\w.-]+|\[[\w:.%]+\])(:[1-9]\d*)?([/?#](?!/)[^\s\\]*)?", re.ASCII
)
REDIS = re.compile(r"rediss?://[^\s/?#]+(/\d*)?(\?[^\s#]*)?")  # a database has a number
ORIGIN = re.compile(r"[a-z][a-z\d+.-]*://([\w.-]+|\[[\da-f:]+\])(:\d{1,5})?", re.ASCII)
DEFAULT_PORT = re.compile(r"^(http://.+):80$|^(https://.+):443$")  # which browsers leave out
DEV_SECRET = "secret"  # noqa: S105  what `livekit-server --dev` accepts


def text_of(value: Any) -> str:
    return str(value.get_secret_value() if isinstance(value, SecretStr) else value)


def check_present(value: str | SecretStr) -> str | SecretStr:
    text = text_of(value)
    if not text.strip():
        raise PydanticCustomError("missing", "is missing: .env.example explains it")
    # Docker and kubectl keep the quotes of a .env file.
    if text != text.strip(" \t\r\n'\"`"):
        raise PydanticCustomError("ends", "has a space or a quote at one end: remove it")
    return value


def check_filled_in(value: str | SecretStr) -> str | SecretStr:
    text = text_of(value)
    if PLACEHOLDER.search(text):
        raise PydanticCustomError("placeholder", "is still a placeholder: replace it")
    if not text.isprintable() or text != text.strip("\u2018\u2019\u201c\u201d"):  # curly quotes
        raise PydanticCustomError("characters", "has an odd character in it: copy it again")
    return check_present(value) if text else value


def url(kind: Any, example: str) -> AfterValidator:
    """Check that a value, if there is one, is a URL of a `kind`."""

    def check(value: str | SecretStr) -> str | SecretStr:
        text = text_of(value)
        if kind is AnyWebsocketUrl and text.startswith("http"):
            raise PydanticCustomError("http", "must begin with wss:// or ws://, not with http")
        try:
            if text:
                kind(text)
                if not text.isascii() or not (REDIS if kind is RedisDsn else URL).fullmatch(text):
                    raise ValueError
        except ValueError:
            raise PydanticCustomError("url", f"must be a URL such as {example}") from None
        if kind is AnyWebsocketUrl and re.search("[?#@]", text):  # clients add a path and a query
            raise PydanticCustomError("extra", "must not contain a user, a ?query or a #fragment")
        return value

    return AfterValidator(check)


# begin only pipeline
def check_models(names: str) -> str:
    if not re.fullmatch(r"[\w./:@-]+(\s*,\s*[\w./:@-]+)*", names):
        raise PydanticCustomError("models", "must be provider/model, several separated by commas")
    return names


# end only pipeline
PRESENT, FILLED_IN = AfterValidator(check_present), AfterValidator(check_filled_in)
Text = Annotated[str, FILLED_IN]
Secret = Annotated[SecretStr, FILLED_IN]
Models = Annotated[Text, AfterValidator(check_models)]  # only pipeline


class Settings(BaseSettings):
    """All settings of the worker and the token backend; create them with `load_settings`."""

    model_config = SettingsConfigDict(
        env_file=Path(__file__).parents[1] / ".env",
        env_ignore_empty=True,
        extra="ignore",
        validate_default=True,
        hide_input_in_errors=True,
    )

    livekit_url: Annotated[Text, PRESENT, url(AnyWebsocketUrl, "ws://127.0.0.1:7880")] = ""
    livekit_api_key: Annotated[Text, PRESENT] = ""
    livekit_api_secret: Annotated[Secret, PRESENT] = SecretStr("")
    livekit_agent_name: Annotated[str, PRESENT] = ""  # only explicit

    worker_host: str = "0.0.0.0"  # noqa: S104  for an orchestrator's health checks
    worker_port: int = Field(8082, ge=0, le=65535)
    worker_metrics_port: int = Field(0, ge=0, le=65535)  # only 1.8
    worker_num_idle_processes: int = Field(IDLE_PROCESSES, ge=0, le=1000)
    worker_shutdown_timeout: float = Field(30, gt=0, le=604_800)  # seconds
    worker_drain_timeout: int = Field(3600, gt=0, le=604_800)  # seconds

    assistant_transcripts: Text = ""

    # begin only pipeline
    livekit_inference_api_key: Text = ""
    livekit_inference_api_secret: Secret = SecretStr("")
    assistant_stt: Models = "deepgram/nova-3"
    assistant_llm: Models = "openai/gpt-5.3-chat-latest"
    assistant_tts: Models = "cartesia/sonic-3:9626c31c-bec5-4cca-baa8-f8ba9e84c8bc"

    # end only pipeline
    # begin only realtime
    openai_api_key: Secret = SecretStr("")
    assistant_model: Text = "gpt-realtime"
    assistant_voice: Text = "marin"

    # end only realtime
    dispatch_ensure: bool = True
    dispatch_sweep_seconds: float = Field(30, ge=1, le=86_400)

    port: int = Field(8000, ge=1, le=65535)  # the token backend's under `poe run`
    token_ttl_seconds: int = Field(900, gt=0, le=86_400)
    token_room_pattern: re.Pattern[str] = re.compile(".+")
    token_auth: Literal["none", "api-key", "jwt"] | None = None
    token_api_key: Secret = SecretStr("")
    token_jwks_url: Annotated[Text, url(AnyHttpUrl, "https://example.com/jwks.json")] = ""
    token_jwt_issuer: Text = ""
    token_jwt_audience: Text = ""
    token_rate_limit: str = "60/minute"  # noqa: S105  not a password
    token_redis_url: Annotated[Secret, url(RedisDsn, "redis://127.0.0.1:6379/0")] = SecretStr("")
    token_cors_origins: Annotated[list[str], NoDecode] = []
    token_server_url: Annotated[Text, url(AnyWebsocketUrl, "wss://livekit.example.com")] = ""
    token_metrics_host: str = "0.0.0.0"  # noqa: S104, S105  for Prometheus on another host
    token_metrics_port: int = Field(0, ge=0, le=65535)
    token_log_format: Literal["text", "json"] = "text"  # noqa: S105  not a password
    # begin only 1.8
    otel_exporter_otlp_endpoint: Annotated[Text, url(AnyHttpUrl, "http://127.0.0.1:4318")] = ""
    # end only 1.8

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(_env_file_encoding=env_file()[1], **values)
        except (OverflowError, RecursionError):
            raise SystemExit("TOKEN_ROOM_PATTERN repeats or nests something too often") from None

    @field_validator("livekit_api_key", "livekit_api_secret")
    @classmethod
    def check_characters(cls, value: str | SecretStr) -> str | SecretStr:
        if not re.fullmatch("[!-~]+", text_of(value)):
            raise PydanticCustomError("odd", "has a space or an odd character in it: copy it again")
        return value

    @field_validator("livekit_api_secret")
    @classmethod
    def check_secret(cls, secret: SecretStr, info: ValidationInfo) -> SecretStr:
        if len(secret) < SECRET_LENGTH and secret.get_secret_value() != DEV_SECRET:
            if len(info.data.get("livekit_api_key", "")) >= SECRET_LENGTH:
                raise PydanticCustomError("swapped", "and LIVEKIT_API_KEY are swapped")
            raise PydanticCustomError("short", f"is too short: {SECRET_LENGTH} or more characters")
        return secret

    @field_validator("token_rate_limit")
    @classmethod
    def check_rate(cls, rate: str) -> str:
        if not re.fullmatch(r"[1-9]\d{0,8}/(second|minute|hour|day)", rate):
            raise PydanticCustomError("rate", "must be a number and a unit, such as 60/minute")
        return rate

    @field_validator("token_cors_origins", mode="before")
    @classmethod
    def parse_origins(cls, value: str | list[str]) -> list[str]:
        parts = value.split(",") if isinstance(value, str) else value
        origins = [part.strip().rstrip("/").lower() for part in parts]
        if not all(map(ORIGIN.fullmatch, filter(None, origins))):
            raise PydanticCustomError(
                "origin", "must be origins such as https://example.com, separated by commas"
            )
        return [DEFAULT_PORT.sub(r"\1\2", origin) for origin in origins if origin]

    # begin only pipeline or realtime
    @property
    def is_cloud(self) -> bool:
        """Whether LIVEKIT_URL is in LiveKit Cloud."""
        return str(urlsplit(self.livekit_url).hostname).endswith(".livekit.cloud")

    # begin only pipeline
    @property
    def inference_credentials(self) -> tuple[str, str]:
        """Key and secret for LiveKit Inference: its own, or those of LiveKit Cloud."""
        key, secret = self.livekit_inference_api_key, self.livekit_inference_api_secret
        if self.is_cloud and not key and not secret:
            key, secret = self.livekit_api_key, self.livekit_api_secret
        return key, secret.get_secret_value()

    # end only pipeline
    @property
    def missing_key(self) -> str:
        """Which key of the models is missing, and where to get it; empty if none is."""
        # begin only pipeline
        if not all(self.inference_credentials):
            return (
                "LIVEKIT_INFERENCE_API_KEY or LIVEKIT_INFERENCE_API_SECRET is missing: "
                "create a key at https://cloud.livekit.io (your project, Settings, API keys)"
            )
        # end only pipeline
        # begin only realtime
        if not self.openai_api_key:
            return "OPENAI_API_KEY is missing: create one at https://platform.openai.com/api-keys"
        # end only realtime
        return ""

    # end only pipeline or realtime
    @property
    def is_local(self) -> bool:
        """Whether the LiveKit server runs on this machine."""
        return is_on_this_machine(self.livekit_url)


def is_on_this_machine(url: str) -> bool:
    return urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1")


def env_file() -> tuple[Path, str]:
    """Return .env and its encoding (PowerShell's is UTF-16); exit if a line would be misread."""
    path = Path(str(Settings.model_config["env_file"]))
    data = path.read_bytes() if path.is_file() else b""
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    text = data.decode(encoding)
    if "\0" in text:  # as in UTF-16 without a mark, and in UTF-32
        raise UnicodeError
    names = set[str]()
    for name, value, (string, line), is_wrong in parse_stream(StringIO(text)):
        line += string[: -len(string.lstrip())].count("\n")  # the empty lines before it
        if is_wrong or (name and (value is None or not re.fullmatch(r"(?a)[\w.-]+", name))):
            raise SystemExit(f".env: line {line} is not NAME=value, or a quote is missing there")
        if name and name.upper() in map(str.upper, names):
            raise SystemExit(f"{name} is twice in .env: remove one of the lines, such as {line}")
        for unset in {*re.findall(r"\$\{(\w+)\}", value or "")} - names - {*os.environ}:
            raise SystemExit(f"{name} in .env refers to {unset}, which is not set")
        names.add(name or "")
    return path, encoding


def load_settings() -> Settings:
    """Read the settings, or exit with one line for each invalid variable, never its value."""
    try:
        settings = Settings()
    except UnicodeError:
        raise SystemExit(".env is not UTF-8 text: save it as UTF-8") from None
    except OSError as error:
        raise SystemExit(f".env cannot be read: {error.strerror}") from None
    except ValidationError as error:
        lines = [f"{'_'.join(map(str, e['loc'])).upper()} {e['msg']}" for e in error.errors()]
        raise SystemExit("\n".join(lines)) from None
    if settings.livekit_api_secret.get_secret_value() == DEV_SECRET:
        logger.warning("LIVEKIT_API_SECRET is LiveKit's development secret, which everybody knows")
    return settings
