"""An invalid variable ends the program with one line about it."""

import re
from pathlib import Path

import pytest

from app import settings

GOOD_SECRET = "0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True)
def no_env_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The path of a .env that does not exist yet."""
    path = tmp_path / ".env"
    monkeypatch.setitem(settings.Settings.model_config, "env_file", path)
    return path


def error_lines(monkeypatch: pytest.MonkeyPatch, **variables: str) -> list[str]:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as end:
        settings.load_settings()
    return str(end.value.code).splitlines()


def test_all_missing_variables_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = error_lines(
        monkeypatch, LIVEKIT_URL="", LIVEKIT_API_KEY="", LIVEKIT_API_SECRET="", WORKER_PORT="web"
    )
    assert [line.split()[0] for line in lines] == [
        "LIVEKIT_URL",
        "LIVEKIT_API_KEY",
        "LIVEKIT_API_SECRET",
        "WORKER_PORT",
    ]


@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        ("LIVEKIT_API_KEY", "<your API key>", "placeholder"),
        ("LIVEKIT_API_SECRET", "your-secret-your-secret-your-secret", "placeholder"),
        ("LIVEKIT_URL", "https://example.livekit.cloud", "wss:// or ws://"),
        ("LIVEKIT_URL", "example.livekit.cloud", "must be a URL such as ws://"),
        ("LIVEKIT_URL", "wss://your-project.livekit.cloud", "placeholder"),
        ("LIVEKIT_URL", "ws://:7880", "must be a URL"),
        ("LIVEKIT_URL", "ws://127.0.0.1:99999", "must be a URL"),
        ("LIVEKIT_URL", "ws:127.0.0.1:7880", "must be a URL"),
        ("LIVEKIT_URL", "ws:///127.0.0.1:7880", "must be a URL"),
        ("LIVEKIT_URL", "ws://127.0.0.1:7880\\", "must be a URL"),
        ("LIVEKIT_URL", "wss://wss://example.com", "must be a URL"),
        ("LIVEKIT_URL", "WS://127.0.0.1:7880", "must be a URL"),
        ("LIVEKIT_URL", "ws://127.0.0.1:0", "must be a URL"),
        ("LIVEKIT_URL", "ws://$HOST:7880", "must be a URL"),
        ("LIVEKIT_URL", "ws://exa\nmple.com", "odd character"),
        ("LIVEKIT_API_KEY", "'quoted'", "a space or a quote at one end"),
        ("LIVEKIT_API_KEY", "`quoted`", "a space or a quote at one end"),
        ("LIVEKIT_API_KEY", "“APIkey”", "odd character"),
        ("LIVEKIT_API_SECRET", "\u200b" + GOOD_SECRET, "odd character"),
        ("LIVEKIT_API_SECRET", "pasted-with-a-space-at-its-end----- ", "a space or a quote"),
        ("LIVEKIT_AGENT_NAME", '"concierge"', "a space or a quote"),  # only explicit
        ("ASSISTANT_LLM", "openai/gpt-5.3-chat-latest,,", "separated by commas"),  # only pipeline
        ("ASSISTANT_TTS", "cartesia/sonic-3 rime/arcana", "separated by commas"),  # only pipeline
        ("ASSISTANT_STT", "deepgram/nova-3,<another>", "placeholder"),  # only pipeline
        ("TOKEN_TTL_SECONDS", "253402300799", "less than or equal to 86400"),
        ("TOKEN_AUTH", "password", "'none', 'api-key' or 'jwt'"),
        ("TOKEN_API_KEY", "<a key>", "placeholder"),
        ("TOKEN_JWKS_URL", "id.example.org", "must be a URL such as https://"),
        ("TOKEN_JWKS_URL", "https://exämple.com", "must be a URL such as https://"),
        ("TOKEN_JWT_AUDIENCE", "my-app ", "a space or a quote"),
        ("TOKEN_RATE_LIMIT", "often", "such as 60/minute"),
        ("TOKEN_RATE_LIMIT", "0/second", "such as 60/minute"),
        ("TOKEN_ROOM_PATTERN", "[", "regular expression"),
        ("TOKEN_ROOM_PATTERN", "a{99999999999}", "repeats or nests something too often"),
        ("TOKEN_ROOM_PATTERN", "(" * 20_000, "repeats or nests something too often"),
        ("WORKER_SHUTDOWN_TIMEOUT", "1e300", "less than or equal to 604800"),
        ("WORKER_NUM_IDLE_PROCESSES", "100000", "less than or equal to 1000"),
        ("TOKEN_API_KEY", "“key”", "odd character"),
        ("TOKEN_API_KEY", "a\nTOKEN_AUTH=jwt", "odd character"),
        ("TOKEN_JWT_ISSUER", "https://id.example.org/\u200b", "odd character"),
        ("TOKEN_SERVER_URL", "wss://your-project.livekit.cloud", "placeholder"),
        ("TOKEN_REDIS_URL", "redis://:<password>@redis", "placeholder"),
        ("TOKEN_REDIS_URL", "redis://redis/tokens", "must be a URL such as redis://"),
        ("TOKEN_REDIS_URL", "redis://redis#0", "must be a URL such as redis://"),
        ("PORT", "99999", "less than or equal to 65535"),
        ("TOKEN_REDIS_URL", "http://redis", "must be a URL such as redis://"),
        ("TOKEN_CORS_ORIGINS", "https://example.com/a", "origins such as"),
        ("LIVEKIT_URL", "wss://example.com?region=eu", "must not contain"),
        ("TOKEN_CORS_ORIGINS", "*", "origins such as"),
        ("LIVEKIT_API_SECRET", "too-short-and-not-to-be-seen", "too short"),
    ],
)
def test_a_wrong_value_is_named_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, reason: str
) -> None:
    (line,) = error_lines(monkeypatch, **{variable: value})
    assert line.startswith(variable)
    assert reason in line
    assert value not in line


def test_swapped_key_and_secret_are_recognised(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = error_lines(monkeypatch, LIVEKIT_API_KEY=GOOD_SECRET, LIVEKIT_API_SECRET="APIkey")
    assert lines == ["LIVEKIT_API_SECRET and LIVEKIT_API_KEY are swapped"]


def test_the_public_development_secret_is_accepted_with_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("LIVEKIT_API_SECRET", settings.DEV_SECRET)
    settings.load_settings()
    assert "development secret, which everybody knows" in caplog.text


def test_a_real_variable_overrides_the_env_file(
    monkeypatch: pytest.MonkeyPatch, no_env_file: Path
) -> None:
    no_env_file.write_text("WORKER_HOST=from-file\nTOKEN_TTL_SECONDS=60\nUNKNOWN=1\n")
    monkeypatch.setenv("WORKER_HOST", "from-environment")
    loaded = settings.load_settings()
    assert (loaded.worker_host, loaded.token_ttl_seconds) == ("from-environment", 60)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])  # as Windows writes it
def test_an_env_file_may_begin_with_a_byte_order_mark(no_env_file: Path, encoding: str) -> None:
    no_env_file.write_text("TOKEN_TTL_SECONDS=60\n# ☂\n", encoding=encoding)
    assert settings.load_settings().token_ttl_seconds == 60


def test_an_env_file_in_another_encoding_is_named(no_env_file: Path) -> None:
    no_env_file.write_bytes("TOKEN_JWT_ISSUER=é\n".encode("latin-1"))
    with pytest.raises(SystemExit, match=r"\.env is not UTF-8 text: save it as UTF-8"):
        settings.load_settings()


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        ("\n\nset TOKEN_AUTH=jwt", ".env: line 3 is not NAME=value"),
        ('$env:TOKEN_AUTH="jwt"', ".env: line 1 is not NAME=value"),
        ("TOKEN_AUTH: jwt", ".env: line 1 is not NAME=value"),
        ("TOKEN_AUTH", ".env: line 1 is not NAME=value"),
        ("# a comment\n\ufeffTOKEN_AUTH=jwt", ".env: line 2 is not NAME=value"),
        ("\u200bTOKEN_AUTH=jwt", ".env: line 1 is not NAME=value"),
        ("TOKEN_API_KEY='key\nTOKEN_AUTH='jwt'", ".env: line 1 is not NAME=value, or a quote is"),
        ("<<<<<<< HEAD\nTOKEN_AUTH=jwt", ".env: line 1 is not NAME=value"),
        ('{"TOKEN_AUTH": "jwt"}', ".env: line 1 is not NAME=value"),
        ("TOKEN_AUTH=jwt\ntoken_auth=none", "token_auth is twice in .env: remove one of the lines"),
        ("TOKEN_API_KEY=a${KEY_B}c", "TOKEN_API_KEY in .env refers to KEY_B, which is not set"),
    ],
)
def test_a_line_that_would_get_lost_is_refused(no_env_file: Path, lines: str, error: str) -> None:
    no_env_file.write_text(lines, encoding="utf-8")
    with pytest.raises(SystemExit, match=re.escape(error)):
        settings.load_settings()


@pytest.mark.parametrize(
    "line",
    [
        "export TOKEN_API_KEY=key",
        "TOKEN_API_KEY = 'key' # a comment",
        '\r\nTOKEN_API_KEY="key"\r\n',
        "B=ey\nTOKEN_API_KEY=k${B}",
        "TOKEN_API_KEY=${B_:-key}",
        "token_api_key=key",
    ],
)
def test_each_way_to_write_a_line_is_read(no_env_file: Path, line: str) -> None:
    no_env_file.write_text(line, encoding="utf-8", newline="")
    assert settings.load_settings().token_api_key.get_secret_value() == "key"


@pytest.mark.parametrize(
    "url",
    [
        "ws://127.0.0.1:7880",
        "wss://example.livekit.cloud/",
        "wss://example.com/livekit",
        "ws://[::1]:7880",
        "ws://livekit_1:7880",
    ],
)
def test_a_url_of_a_server_is_accepted(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("LIVEKIT_URL", url)
    assert settings.load_settings().livekit_url == url


def test_origins_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    value = "https://Example.com:443/, http://localhost:3000,capacitor://localhost,"
    monkeypatch.setenv("TOKEN_CORS_ORIGINS", value)
    origins = ["https://example.com", "http://localhost:3000", "capacitor://localhost"]
    assert settings.load_settings().token_cors_origins == origins


# begin only explicit
def test_an_agent_may_have_a_name_that_looks_like_a_placeholder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LIVEKIT_AGENT_NAME", "your-agent")
    assert settings.load_settings().livekit_agent_name == "your-agent"


# end only explicit
def test_the_secret_does_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVEKIT_API_SECRET", GOOD_SECRET)
    assert GOOD_SECRET not in repr(settings.load_settings())


@pytest.mark.parametrize(
    ("url", "is_local"),
    [
        ("ws://127.0.0.1:7880", True),
        ("ws://localhost", True),
        ("ws://[::1]:7880/", True),
        ("wss://localhost.example.com", False),
        ("wss://example.livekit.cloud", False),
    ],
)
def test_it_recognises_a_server_on_this_machine(
    monkeypatch: pytest.MonkeyPatch, url: str, is_local: bool
) -> None:
    monkeypatch.setenv("LIVEKIT_URL", url)
    assert settings.load_settings().is_local is is_local


def test_the_example_names_every_variable() -> None:
    example = (Path(__file__).parents[1] / ".env.example").read_text(encoding="utf-8")
    for name in settings.Settings.model_fields:
        assert f"\n{name.upper()}=" in example or f"\n# {name.upper()}=" in example, name
