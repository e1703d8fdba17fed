"""The rate limit of one client."""

import pytest
from fastapi.testclient import TestClient

from app import api
from app.tokens.rate_limit import RateLimit, network


def test_a_request_over_the_limit_is_told_when_to_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "rate_limit", RateLimit("10/day"))
    client = TestClient(api.app)
    answers = [client.post("/token", json={}) for _ in range(11)]
    assert [answer.status_code for answer in answers] == [201] * 10 + [429]
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 86_400
    another = TestClient(api.app, client=("192.0.2.1", 1))
    assert another.post("/token", json={}).status_code == 201


def test_the_addresses_of_one_household_count_as_one_client() -> None:
    assert network("2001:db8::1") == network("2001:db8::2:3")
    assert network("2001:db8::1") != network("2001:db8:0:1::1")
    assert network("192.0.2.1") != network("192.0.2.2")


@pytest.mark.parametrize(
    ("address", "client"),
    [("::ffff:192.0.2.1", "192.0.2.1"), ("_hidden:7", "_hidden:7"), ("", "")],
    ids=["IPv4 on an IPv6 socket", "a name from a proxy", "a Unix socket"],
)
def test_every_form_of_address_counts(address: str, client: str) -> None:
    assert network(address) == client
