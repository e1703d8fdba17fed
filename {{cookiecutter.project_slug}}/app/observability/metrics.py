"""Prometheus metrics; docs/observability.md says how to use them."""

from prometheus_client import Counter, Histogram, start_http_server

TOKEN_REQUESTS = Counter("app_token_requests", "Requests for a token, by HTTP status", ["status"])
STRIPPED = Counter("app_agents_stripped", "Requests whose choice of an agent was ignored")
UNKNOWN_KEYS = Counter("app_unknown_keys", "Unknown keys in token requests, which were ignored")
DISPATCHES = Counter("app_dispatches", "Agents sent into rooms that had none")
AGENT_SECONDS = Histogram(
    "app_agent_seconds",
    "How old a room was when an agent joined it",
    buckets=(0.25, 0.5, 1, 2, 5, 10, 30, 60),
)


def serve_metrics(host: str, port: int) -> None:
    """Serve GET /metrics on its own port, which clients should not reach, or exit."""
    try:
        start_http_server(port, host)
    except (OSError, UnicodeError, TypeError) as error:  # not each text can name a host
        line = f"TOKEN_METRICS_PORT {port} of TOKEN_METRICS_HOST {host} cannot be used: {error}"
        raise SystemExit(f"{line} (one per process)") from None
