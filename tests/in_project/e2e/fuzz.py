"""Send all kinds of requests to the token backend. Runs in the template's own environment.

python -m tests.e2e.fuzz [REQUESTS] [SEED]
"""

import contextlib
import io
import json
import random
import re
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx2
import jwt
import schemathesis  # type: ignore[import-not-found,unused-ignore]  # the template has it
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from schemathesis import GenerationMode

from app.dispatch.names import is_name
from app.tokens.request import Agent, RoomConfig, TokenRequest
from tests.e2e.programs import LiveKit, free_ports

REQUESTS = int(sys.argv[1]) if len(sys.argv) > 1 else 3_000
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(2**32)
KINDS = 5
TIMEOUT_SECONDS = 10
STATUSES = {201, 403, 413, 422}
GROWTH_LIMIT_BYTES = 30_000_000  # in all requests but the first thousand

# Fields in both spellings, and keys that clients send instead of them.
FIELDS = {alias for model in (TokenRequest, RoomConfig, Agent) for alias in model.model_fields}
CAMEL = {re.sub("_(.)", lambda found: found[1].upper(), field) for field in FIELDS}
OTHERS = ("room", "identity", "agent_name", "agentName", "AGENT-NAME", "egress", "tags", "new", "")
KEYS = st.sampled_from(sorted(FIELDS | CAMEL | set(OTHERS))) | st.text(max_size=8)
RAW = ("NaN", "Infinity", "-1e999", "1e999", "9" * 5000, '"\\ud800"', "[" * 5000, "0x1", "tru")
HEADERS = ("Host", "Authorization", "Content-Type", "X-Forwarded-For", "Origin", "Accept")


def any_json(depth: int = 30) -> SearchStrategy[Any]:
    """Values of every type, also where the schema has another one."""
    scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
    return st.recursive(
        scalars | st.builds(json.dumps, st.dictionaries(KEYS, scalars, max_size=3)),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
        max_leaves=depth,
    )


@st.composite
def requests(draw: Callable[[SearchStrategy[Any]], Any]) -> str:
    """Objects with fields of ours, some values replaced by what JSON does not allow."""
    body = draw(st.dictionaries(KEYS, any_json(), max_size=5))
    agents = st.lists(st.dictionaries(KEYS, any_json(5), max_size=4) | any_json(5), max_size=3)
    config = st.fixed_dictionaries({}, optional={"agents": agents, "metadata": any_json()})
    body |= draw(st.fixed_dictionaries({}, optional={"room_config": config | any_json()}))
    text = json.dumps(body)
    if draw(st.integers(0, 4)) == 0:
        text = text.replace("null", draw(st.sampled_from(RAW)), 1)
    return text


def metadata_of(claims: dict[str, Any]) -> list[str]:
    config = claims["roomConfig"]
    agents = config.get("agents", [])
    return [part.get("metadata", "") for part in (claims, config, *agents)]


def check_metadata(text: str) -> None:
    """Metadata is a text, or JSON for a browser without the name of an agent."""

    def refuse(value: object) -> None:
        raise AssertionError(f"{value} in {text!r}")

    def check_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        for key, _ in pairs:
            if is_name(key):
                refuse(key)
        return dict(pairs)

    if text.lstrip()[:1] not in ("{", "["):
        return
    with contextlib.suppress(json.JSONDecodeError):
        json.loads(text, parse_constant=refuse, object_pairs_hook=check_keys)


def fuzz(test: Callable[..., None]) -> None:
    """Run a hypothesis test with its share of REQUESTS."""
    options = settings(
        max_examples=-(-REQUESTS // KINDS),
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    seed(SEED)(options(test))()


def main() -> None:
    print(f"seed {SEED}", flush=True)
    livekit = LiveKit()  # not running
    statuses: Counter[int] = Counter()
    memory: list[float] = []
    log = io.StringIO()
    (metrics,) = free_ports(1)
    env = {"TOKEN_RATE_LIMIT": "999999/minute", "TOKEN_METRICS_PORT": str(metrics)}

    def check(answer: Any) -> None:
        assert answer.status_code in STATUSES, (answer.status_code, answer.text)
        assert livekit.secret not in answer.text
        if answer.status_code == 201:
            token = answer.json()["participant_token"]
            for text in metadata_of(jwt.decode(token, options={"verify_signature": False})):
                check_metadata(text)
        else:
            assert answer.json()["detail"]
        statuses[answer.status_code] += 1
        if statuses.total() % 500 == 0:
            text = httpx2.get(f"http://127.0.0.1:{metrics}/metrics").text
            if found := re.search(r"(?m)^process_resident_memory_bytes (\S+)", text):
                memory.append(float(found[1]))

    with (
        contextlib.redirect_stdout(log),  # of the program; it is printed when that ends
        livekit.backend(**env) as url,
        httpx2.Client(timeout=TIMEOUT_SECONDS) as client,
    ):
        operation = schemathesis.openapi.from_url(f"{url}/openapi.json")["/token"]["POST"]

        def post(body: bytes, headers: dict[str, str]) -> None:
            check(client.post(f"{url}/token", content=body, headers=headers))

        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            cases: Any = given(operation.as_strategy(generation_mode=mode))
            fuzz(cases(lambda case: check(case.call(timeout=TIMEOUT_SECONDS))))
        fuzz(given(requests())(lambda body: post(body.encode(), {})))
        fuzz(given(st.binary() | st.text().map(str.encode))(lambda body: post(body, {})))
        header = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1)
        headers = st.dictionaries(st.sampled_from(HEADERS), header, max_size=3)
        fuzz(given(requests(), headers)(lambda body, more: post(body.encode(), more)))

    assert statuses.total() >= REQUESTS
    assert "Traceback" not in log.getvalue(), log.getvalue()[-5000:]
    assert livekit.secret not in log.getvalue()
    print(f"{statuses.total()} requests: {dict(statuses)}")
    print("memory in MB:", *(round(size / 1e6) for size in memory))
    if len(memory) > 2:
        assert memory[-1] - memory[1] < GROWTH_LIMIT_BYTES


if __name__ == "__main__":
    main()
