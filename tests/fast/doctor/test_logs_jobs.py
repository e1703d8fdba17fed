"""`livekit-doctor --log`: errors in a job are not the worker's, nor LiveKit's."""

import json

import pytest

from livekit_doctor.finding import Finding
from livekit_doctor.logs import read

HEALTHY = [
    json.dumps({"message": message, "level": "INFO", "name": "livekit.agents", "agent_name": ""})
    for message in ("starting worker", "registered worker", "received job request")
]
ENTRYPOINT = "unhandled exception while running the job task"
TOOL = "exception occurred while executing tool"
LLM = "failed to generate LLM completion, retrying in 0.1s"
TRACEBACK = 'Traceback (most recent call last):\n  File "/app/agent.py", line 1, in f\n    x\n'


def found(message: str, *errors: str, level: str = "ERROR", before: int = 3) -> list[Finding]:
    """Return what is wrong when a message with a chain of exceptions follows."""
    chain = "\n\nThe above exception was the direct cause of the following exception:\n\n"
    line = {"message": message, "level": level, "name": "livekit.agents"}
    line["exc_info"] = chain.join(TRACEBACK + error for error in errors)
    log = [f"{text}\n" for text in (*HEALTHY[:before], json.dumps(line))]
    return [finding for finding in read(log) if finding.level != "ok"]


def graded(findings: list[Finding]) -> str:
    return " ".join(f"{f.cause}{'?' * (f.level == 'warning')}" for f in findings)


NO_HOST = "httpx.ConnectError: [Errno -2] Name or service not known"
REFUSED = "httpx.ConnectError: All connection attempts failed"
CERTIFICATE = "httpx.ConnectError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed"
OF_OPENAI = "openai.APIConnectionError: Connection error."
OF_LIVEKIT = "livekit.agents._exceptions.APIConnectionError: Connection error. (body=None)"


@pytest.mark.parametrize("error", [NO_HOST, REFUSED, "httpx.ConnectError: [SSL] EPROTO"])
def test_a_connection_that_is_not_to_livekit(error: str) -> None:
    assert graded(found(LLM, error, OF_OPENAI, OF_LIVEKIT, level="WARNING")) == "provider-failed?"
    assert graded(found("Error in _llm_inference_task", error, OF_LIVEKIT)) == "provider-failed?"
    assert graded(found(ENTRYPOINT, error)) == "entrypoint-raised"
    assert graded(found(TOOL, error)) == "unexplained-errors?"
    assert graded(found(TOOL, CERTIFICATE)) == "certificate?"
    assert graded(found("the search engine: connection refused", "x.Y")) == "unexplained-errors?"


@pytest.mark.parametrize("what", ["Inference STT", "Inference TTS", "Adaptive Interruption"])
def test_a_connection_to_the_models_of_livekit_is_not_the_workers(what: str) -> None:
    """Livekit-agents 1.8.9 calls its gateway by nearly the same words as the server."""
    error = f"livekit.agents._exceptions.APIConnectionError: failed to connect to LiveKit {what}"
    assert (
        graded(found("failed to recognize speech, retrying in 0.1s", error)) == "provider-failed?"
    )
    node = "APIConnectionError: Error connecting to LiveKit WebSocket"
    assert graded(found("failed to recognize speech", node)) == "provider-failed?"
    refused = "aiohttp.WSServerHandshakeError: {}, message='Invalid response status', url='{}'"
    gateway = "wss://agent-gateway.livekit.cloud/v1/stt?model=auto"
    for status in (401, 402, 403, 429):
        why = refused.format(status, gateway)
        assert graded(found("failed to recognize speech", why, error)) == "provider-refused?"
    why = refused.format(503, gateway)
    assert graded(found("failed to recognize speech", why, error)) == "provider-failed?"
    why = refused.format(401, "wss://x.livekit.cloud/agent")
    assert graded(found("failed to connect to livekit, retrying in 0s", why)) == "key-refused"


@pytest.mark.parametrize(
    "message",
    [
        "livekit::rtc_engine:628:livekit::rtc_engine - resuming connection... attempt: 0",
        "unhandled websocket message Err(Protocol(ResetWithoutClosingHandshake))",
        "job shutdown is taking too much time..",
        "AgentSession.aclose() timed out after 10.0s; proceeding with shutdown",
        "failed to prepare the cloud trace pipeline",
        "telemetry session end failed (export)",
    ],
)
def test_an_error_that_keeps_no_agent_away(message: str) -> None:
    assert graded(found(message, "x.Y")) == ""


def test_a_reason_that_says_less_than_another() -> None:
    """After its last try, livekit-agents says only how often it tried."""
    tried = "RuntimeError: failed to connect to livekit after 16 attempts"
    refused = "401, message='Invalid response status', url='wss://x/agent'"
    of_worker = {"name": "livekit.agents", "level": "ERROR"}
    lines = (
        {"message": "failed to connect to livekit, retrying in 0s", "error": refused},
        {"message": "worker failed", "exc_info": TRACEBACK + tried},
    )
    log = [json.dumps({**of_worker, **line}) for line in lines]
    assert graded([f for f in read(log) if f.level != "ok"]) == "key-refused"
    assert graded([f for f in read(log[1:]) if f.level != "ok"]) == "server-unreachable"


def test_a_connection_to_a_room() -> None:
    for error, cause in (
        ("engine: signal failure: ws failure: IO error: Connection refused", "signal-failure"),
        ("engine: signal failure: failed to lookup address information", "unknown-host"),
        ("could not say why", "signal-failure"),
    ):
        assert graded(found(ENTRYPOINT, f"livekit.rtc.room.ConnectError: {error}")) == cause


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("OPENAI_API_KEY", "openai.OpenAIError: The api_key client option must be set either by "
         "passing api_key to the client or by setting the OPENAI_API_KEY environment variable"),
        ("PINECONE_API_KEY", "ConfigurationError: You haven't specified an API key. Please either "
         "set the PINECONE_API_KEY environment variable or pass the 'api_key' keyword argument"),
        ("ANTHROPIC_API_KEY", "ValueError: Anthropic API key is required, either as argument or "
         "set ANTHROPIC_API_KEY environment variable"),
        ("GOOGLE_API_KEY", "ValueError: API key is required for Google API either via api_key or "
         "GOOGLE_API_KEY environment variable"),
        ("CARTESIA_API_KEY", "ValueError: CARTESIA_API_KEY must be set"),
        ("supabase_key", "supabase.SupabaseException: supabase_key is required"),
        ("Acme", "ValueError: Acme API key is required"),
    ],
)  # fmt: skip
def test_the_name_of_a_missing_key(name: str, error: str) -> None:
    (missing,) = found(ENTRYPOINT, error)
    assert (missing.cause, missing.level) == ("provider-key-missing", "problem")
    assert missing.seen.startswith(f"Missing settings: {name}.")


@pytest.mark.parametrize(
    ("cause", "error"),
    [
        ("module-missing", "ModuleNotFoundError: No module named 'stripe'"),
        ("unknown-option", "TypeError: fetch() got an unexpected keyword argument 'x'"),
        ("provider-key-missing", "KeyError: 'STRIPE_KEY'"),
        ("missing-plugin", "ModuleNotFoundError: No module named 'livekit.plugins.silero'"),
        ("port-taken", "OSError: [Errno 98] address already in use"),
    ],
)
def test_when_code_fails_decides_what_it_means(cause: str, error: str) -> None:
    (of_tool,), (of_job,), (of_start,) = (
        found(TOOL, error),
        found(ENTRYPOINT, error),
        found("worker failed", error, before=1),
    )
    assert {of_tool.cause, of_job.cause, of_start.cause} == {cause}
    assert [of_tool.level, of_job.level, of_start.level] == ["warning", "problem", "problem"]
    assert "before it can register" not in of_tool.means + of_job.means
    assert "worker is registered" in of_tool.means
    assert "no agent" in of_job.means
    assert graded(found("worker failed", error)) == cause


def test_the_process_of_the_models_does_not_start() -> None:
    """Livekit-agents 1.2 says so only with a frame of the traceback."""
    error = "TimeoutError"
    assert graded(found("worker failed", error, before=1)) == "worker-failed"
    timed_out = {"message": "initialization timed out, killing process", "inference": True}
    line = json.dumps({**timed_out, "level": "ERROR", "name": "livekit.agents"})
    assert next(read([HEALTHY[0], line])).cause == "runner-timeout"
    frame = '  File "worker.py", line 387, in f\n    await self._inference_executor.initialize()'
    assert graded(found("worker failed", f"{frame}\n{error}", before=1)) == "runner-timeout"
