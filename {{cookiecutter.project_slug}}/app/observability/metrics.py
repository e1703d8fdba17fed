"""What this project counts, for Prometheus. docs/observability.md says what each is good for."""

from prometheus_client import Counter, Histogram, start_http_server

TOKEN_REQUESTS = Counter("app_token_requests", "Requests for a token, by HTTP status", ["status"])
STRIPPED = Counter("app_agents_stripped", "Requests whose choice of an agent was ignored")
DISPATCHES = Counter("app_dispatches", "Agents sent into rooms that had none")
AGENT_SECONDS = Histogram(
    "app_agent_seconds",
    "How old a room was when an agent joined it",
    buckets=(0.25, 0.5, 1, 2, 5, 10, 30, 60),
)


def serve_metrics(host: str, port: int) -> None:
    """Answers GET /metrics from now on, on a port of its own: no client is to see it.

    Raises:
        SystemExit: nothing can listen there.
    """
    try:
        start_http_server(port, host)
    except OSError as error:
        line = f"TOKEN_METRICS_PORT {port} cannot be used: {error.strerror} (one process for each)"
        raise SystemExit(line) from None
