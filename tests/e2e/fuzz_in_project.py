"""Sends requests of every kind to the token backend of a baked project. Runs in that project."""

from collections import Counter
from typing import Any

import httpx2
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode, Response

from tests.e2e.programs import LiveKit

REQUESTS = 1_000  # of each kind
TIMEOUT = 10  # seconds
STATUSES = {201, 413, 422}

fuzz = settings(
    max_examples=REQUESTS,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def main() -> None:
    livekit = LiveKit()  # which does not run
    seen: Counter[int] = Counter()

    def look_at(answer: httpx2.Response | Response) -> None:
        assert answer.status_code in STATUSES, (answer.status_code, answer.text)
        assert livekit.secret not in answer.text
        if answer.status_code != 201:
            assert answer.json()["detail"]
        seen[answer.status_code] += 1

    with livekit.backend(TOKEN_RATE_LIMIT="999999/minute") as url:
        described = schemathesis.openapi.from_url(f"{url}/openapi.json")["/token"]["POST"]

        @fuzz
        @given(described.as_strategy(generation_mode=GenerationMode.POSITIVE))
        def as_described(case: Case[Any]) -> None:
            look_at(case.call(timeout=TIMEOUT))

        @fuzz
        @given(described.as_strategy(generation_mode=GenerationMode.NEGATIVE))
        def not_as_described(case: Case[Any]) -> None:
            look_at(case.call(timeout=TIMEOUT))

        @fuzz
        @given(st.binary() | st.text().map(str.encode))
        def no_json(body: bytes) -> None:
            look_at(httpx2.post(f"{url}/token", content=body, timeout=TIMEOUT))

        as_described()
        not_as_described()
        no_json()
    print(f"{seen.total()} requests: {dict(seen)}")


if __name__ == "__main__":
    main()
