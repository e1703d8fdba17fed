"""Send all kinds of requests to the token backend. Runs in the template's own environment."""

from collections import Counter
from typing import Any

import httpx2
import schemathesis  # type: ignore[import-not-found,unused-ignore]  # the template has it
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode, Response

from tests.e2e.programs import LiveKit

REQUESTS = 1_000  # of each kind
TIMEOUT_SECONDS = 10
STATUSES = {201, 413, 422}

fuzz = settings(
    max_examples=REQUESTS,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def main() -> None:
    livekit = LiveKit()  # not running
    statuses: Counter[int] = Counter()

    def check(answer: httpx2.Response | Response) -> None:
        assert answer.status_code in STATUSES, (answer.status_code, answer.text)
        assert livekit.secret not in answer.text
        if answer.status_code != 201:
            assert answer.json()["detail"]
        statuses[answer.status_code] += 1

    with livekit.backend(TOKEN_RATE_LIMIT="999999/minute") as url:
        operation = schemathesis.openapi.from_url(f"{url}/openapi.json")["/token"]["POST"]

        @fuzz
        @given(operation.as_strategy(generation_mode=GenerationMode.POSITIVE))
        def valid(case: Case[Any]) -> None:
            check(case.call(timeout=TIMEOUT_SECONDS))

        @fuzz
        @given(operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))
        def invalid(case: Case[Any]) -> None:
            check(case.call(timeout=TIMEOUT_SECONDS))

        @fuzz
        @given(st.binary() | st.text().map(str.encode))
        def not_json(body: bytes) -> None:
            check(httpx2.post(f"{url}/token", content=body, timeout=TIMEOUT_SECONDS))

        valid()
        invalid()
        not_json()
    print(f"{statuses.total()} requests: {dict(statuses)}")


if __name__ == "__main__":
    main()
