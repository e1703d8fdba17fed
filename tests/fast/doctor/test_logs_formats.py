"""`livekit-doctor --log`: what terminals, viewers and collectors make of the lines of a log."""

import json
import time
from collections.abc import Callable

import pytest

from livekit_doctor.logs import read
from tests.fast.doctor.test_logs import graded


def said(second: int, message: str, **fields: object) -> str:
    line = {"message": message, "level": "INFO", "name": "livekit.agents", **fields}
    return json.dumps({**line, "timestamp": f"2026-11-20T09:20:{second:02}.123456+00:00"})


HEALTHY = [
    said(1, "starting worker", version="1.5.1"),
    said(2, "registered worker", agent_name="", id="AW_1"),
    said(3, "received job request", job_id="AJ_1", agent_name=""),
]
STOPPED = [*HEALTHY, said(4, "draining worker", id="AW_1"), said(5, "shutting down worker")]
REFUSED = [
    *HEALTHY,
    said(4, "failed to connect to livekit, retrying in 1s").replace("INFO", "WARNING")[:-1]
    + ", \"error\": \"401, message='Invalid response status', url='wss://x/agent'\"}",
]
NODE = {"level": 30, "time": 1795887432195, "pid": 1, "hostname": "d"}


def quoted(line: str) -> str:
    return '"' + line.replace('"', '""') + '"'


def found(lines: list[str]) -> str:
    return graded("".join(f"{line}\n" for line in lines).encode())


def normal(lines: list[str]) -> str:
    """What is normal, and what was examined."""
    return " ".join(f.seen for f in read(f"{line}\n" for line in lines) if f.level == "ok")


EXPORTS: dict[str, Callable[[str], str]] = {
    "CloudWatch": lambda line: f"2026-11-20 09:20:03.000,{quoted(line)}",
    "Datadog": lambda line: f'"2026-11-20T09:20:03.000Z","host","agent",{quoted(line)}',
    "Azure": lambda line: f"11/20/2026 9:20,{quoted(line)},abc",
    "logcli": lambda line: f'2026-11-20T09:20:03Z {{app="agent", pod="x"}} {line}',
    "Fluent Bit": lambda line: json.dumps({"date": 1, "log_processed": json.loads(line)}),
    "Container Apps": lambda line: json.dumps({"TimeStamp": "2026-11-20T09:20:03Z", "Log": line}),
}


@pytest.mark.parametrize("export", EXPORTS.values(), ids=EXPORTS)
def test_an_export(export: Callable[[str], str]) -> None:
    title = "Date,Host,Service,Message"
    assert found([title, *map(export, HEALTHY)]) == ""
    assert found([title, *map(export, STOPPED)]) == "worker-ended"
    assert found([title, *map(export, REFUSED)]) == "key-refused"
    cut = [*map(export, HEALTHY[:2]), export(HEALTHY[2])[:70]]
    assert graded("\n".join(cut).encode()) == "cut-off?"


def test_rows_of_text() -> None:
    text = '2026-11-20 09:20:02,101 - INFO livekit.agents - registered worker {"agent_name": ""}'
    assert found([f"2026-11-20 09:20:03.000,{quoted(text)}"]) == ""
    assert "without a name" in normal([f"2026-11-20 09:20:03.000,{quoted(text)}"])


def test_the_newest_line_first() -> None:
    for expected, log in (("", HEALTHY), ("worker-ended", STOPPED), ("key-refused", REFUSED)):
        assert found(log) == found(log[::-1]) == expected
        array = [json.loads(line) for line in log[::-1]]
        assert graded(json.dumps(array, indent=2).encode()) == expected
        rows = [f"2026-11-20T09:20:0{9 - i}.000Z {line}" for i, line in enumerate(log[::-1])]
        assert found(rows) == expected
    assert "read backwards" in normal(HEALTHY[::-1])
    assert "read backwards" not in normal(HEALTHY)
    started = [json.dumps({**NODE, "time": 1795887432000 + i, "msg": "x"}) for i in range(3)]
    assert "read backwards" in normal([*started[::-1], HEALTHY[0]])


def test_the_newest_line_first_with_a_traceback_in_its_own_order() -> None:
    retrying = [
        "2026-11-20 09:20:09,101 - WARNING livekit.agents - failed to connect to livekit, retrying",
        "Traceback (most recent call last):",
        '  File "/app/agent.py", line 5, in <module>',
        "aiohttp.WSServerHandshakeError: 401, message='Invalid response status', url='wss://x'",
    ]
    messages = ("received job request", "registered worker", "starting worker")
    times = [f"2026-11-20 09:20:0{8 - i},101 - INFO livekit.agents - {text}"
             for i, text in enumerate(messages)]  # fmt: skip
    assert found([*retrying, *times]) == "key-refused"


def test_clocks_that_differ_are_no_other_order() -> None:
    """Two programs with other time zones, and files that were put together."""
    server = "2026-11-20T0{}:20:03.000Z\tINFO\tlivekit\tserver/main.go:1\thello\t{{}}"
    both = [line for pair in zip([server.format(8)] * 3, STOPPED, strict=False) for line in pair]
    assert "read backwards" not in normal([*both, *HEALTHY])
    assert "read backwards" not in normal([*STOPPED, *HEALTHY])
    # Times that are equal do not tell the order, but the last thing that is said is a start.
    same = [line.replace("09:20:01", "09:20:02") for line in HEALTHY[:2]]
    assert found(same[::-1]) == "never-registered"


def test_lines_of_a_server_whose_tabs_became_spaces() -> None:
    line = (
        "2026-11-20T09:20:03.000Z        INFO    livekit agent/client.go:146     not dispatching "
        'agent job since no worker is available  {"agentName": "bob", "jobType": "JT_ROOM"}'
    )
    assert found([line]) == "no-such-worker"
    assert found([line.replace("livekit agent", "agent")]) == "no-such-worker"


COLUMNS = [
    "    20:26:44.100 INFO     livekit.agents     starting worker  ",
    '                                         {"version": "1.5.1", "rtc-version": "1.1.3"}',
    "                 INFO     livekit.agents     HTTP server listening on :41049  ",
    "                 INFO     livekit.agents     registered worker  ",
    '                                         {"agent_name": "", "id": "AW_7e", "protocol": 17}',
]


def test_columns_that_omit_a_repeated_time() -> None:
    assert found(COLUMNS) == ""
    assert found(COLUMNS[:3]) == "never-registered"


def test_columns_that_wrap_the_fields() -> None:
    wrapped = [*COLUMNS[:4], COLUMNS[4][:60], '"AW_7eSDSK5cRXZs", "url": "wss://x", ', '"p": 17}']
    assert "registered without a name" in normal(wrapped)
    named = [line.replace('""', '"mine"') for line in wrapped]
    assert found(named) == "named-worker?"
    late = [*COLUMNS[:4], "       " * 6 + '{"id":', '"AW_7e", "agent_name": "mine", "p": 17}']
    assert found(late) == "named-worker?"


def test_a_framed_traceback() -> None:
    warning = "    20:26:45.341 WARNING  livekit.agents     failed to connect to livekit, retrying"
    frame = ["╭──── Traceback (most recent call last) ────╮", "│ /app/x.py:900 in _co │", "╰────╯"]
    reason = "WSServerHandshakeError: 401, message='Invalid response status', "
    assert found([*COLUMNS[:2], warning, *frame, reason, "url='wss://x'"]) == "key-refused"


def test_a_name_that_the_log_does_not_hold() -> None:
    """Livekit-agents 1.0 and 0.x, Node 0.x, and formats of the owner's own omit the fields."""
    silent = [
        '2026-11-20 09:20:02,101 - INFO livekit.agents - registered worker {"id": "AW_1"}',
        "2026-11-20 09:20:02.101 | INFO     | livekit.agents.worker:run:12 - registered worker",
        json.dumps({**NODE, "id": "AW_1", "msg": "registered worker"}),
        "[17:03:43.438] INFO (74221): registered worker",
    ]
    for line in silent:
        assert found([line]) == ""
        assert "does not say whether it has a name" in normal([line])
        assert "without a name" not in normal([line])
    job = (
        '2026-11-20 09:20:03,101 - INFO livekit.agents - received job request {"agent_name": "%s"}'
    )
    assert "without a name" in normal([silent[0], job % ""])
    assert "does not say" not in normal([silent[0], job % ""])
    assert found([silent[0], job % "bot"]) == "named-worker?"
    named = [f.seen for f in read([silent[0], job % "bot"], "bot")]
    assert not any("does not say" in seen for seen in named)


def test_a_name_in_a_format_of_structlog() -> None:
    line = "2026-11-20 09:20:02 [info     ] registered worker     [livekit.agents] id=A agent_name="
    assert "without a name" in normal([line])
    assert found([line + "foo"]) == "named-worker?"


def test_a_traceback_in_a_column() -> None:
    warning = "    20:26:45.341 WARNING  livekit.agents     failed to connect to livekit, retrying"
    traceback = [
        "Traceback (most recent call last):",
        '  File "/app/x.py", line 1, in y',
        "aiohttp.ClientConnectorDNSError: Cannot connect to host x:443 [Name or service not known]",
    ]
    column = [f"{' ' * 41}{line}" for line in traceback]
    assert found([*COLUMNS[:2], warning, *column]) == "unknown-host"
    assert found([*COLUMNS[:2], warning, *column[:2]]) == "server-unreachable cut-off?"


@pytest.mark.parametrize(
    "form",
    [
        "{}",
        '{} {{"id": "AW_1"}}',
        "DEFAULT 2026-01-05T15:59:01.559673Z {}",
        "[10:00:00.123] INFO: {}",
        "[2026-02-01 10:00:00.123 +0000] INFO (1 on host): {}",
        "[02/01/26 10:00:00] INFO     {}                       worker.py:500",
        "\x1b[36m                    INFO     {}   worker.py:800\x1b[0m",
        "[90m2026-02-01 10:00:00,123[0m - [32mINFO[0m [0mlivekit.agents[0m - {} [90m{{}}[0m",
        "\\x1b[90m2026-02-01 10:00:00,123 - \\x1b[32mINFO\\x1b[0m livekit.agents - {}",
        "2026-02-01 10:00:00 - #033[36mINFO#033[0m livekit.agents - {}",
        "INFO:     2026-02-01 10:00:00,123 - INFO livekit.agents - {}",
        '{{"message": "{}", "level": "INFO", "timestamp": "2026"}}',
        '{{"body": "{}", "severity_text": "INFO", "attributes": {{}}}}',
        '{{"message": "{}", "log.level": "info", "log": {{"logger": "livekit.agents"}}}}',
        '{{"timestamp": 1763910001000, "message": "{}", "ingestionTime": 1}}',
        '{{"message": "{}", "severity": "error", "attributes": {{"level": "error"}}}}',
    ],
)
def test_a_format(form: str) -> None:
    said = [form.format(text) for text in ("starting worker", "registered worker")]
    assert found(said) == ""
    assert found(said[:1]) == "never-registered"
    assert found([*said, said[0]]) == "never-registered"
    assert found([form.format("received job request")]) == ""


def test_the_events_of_aws() -> None:
    for expected, log in (("", HEALTHY), ("worker-ended", STOPPED), ("key-refused", REFUSED)):
        events = [{"timestamp": 1, "message": line, "ingestionTime": 2} for line in log]
        assert graded(json.dumps({"events": events}, indent=4).encode()) == expected


def test_objects_that_jq_wrote() -> None:
    def of_jq(lines: list[str]) -> list[str]:
        return "\n".join(json.dumps(json.loads(line), indent=2) for line in lines).splitlines()

    for expected, log in (("", HEALTHY), ("worker-ended", STOPPED), ("key-refused", REFUSED)):
        assert found(of_jq(log)) == expected
    assert found(["starting", "{", *of_jq(HEALTHY), "{", "  a: 1", "}", "end"]) in ("", "cut-off?")


def test_a_format_that_is_not_known() -> None:
    """Whether that worker is well cannot be told, because an error would not be seen, either."""
    for form in ('time=1 msg="{}"', "{{&quot;message&quot;: &quot;{}&quot;}}", "a  -  INFO  -  {}"):
        said = [form.format(text) for text in ("starting worker", "registered worker")]
        assert found(said) == "no-evidence?"
        assert "is registered" not in normal(said)
        (seen, *_) = (f.seen for f in read(said))
        assert seen.startswith("Line 2 seems to say")


@pytest.mark.parametrize(
    "wrapper",
    [
        {"attributes": {"level": "error"}, "timestamp": "2026"},
        {"timestamp": 1763910001000, "ingestionTime": 1},
        {"timestamp": "2026", "stream": "stderr", "host": "h"},
    ],
)
def test_a_traceback_whose_lines_a_platform_wraps(wrapper: dict[str, object]) -> None:
    lines = [
        "Traceback (most recent call last):",
        '  File "/app/agent.py", line 3, in <module>',
        "ImportError: cannot import name 'openai' from 'livekit.plugins' (unknown location)",
    ]
    assert found([json.dumps({"message": line, **wrapper}) for line in lines]) == "missing-plugin"
    events = [{"message": line, **wrapper} for line in lines]
    assert graded(json.dumps({"events": events}, indent=4).encode()) == "missing-plugin"


@pytest.mark.parametrize(
    "line",
    [
        "A_" * 4000 + "KEY is required",
        "AB_" * 2600 + " api key is required",
        "set " * 2000 + "KEY api_key",
        'x "livekit" ' * 750,
        '"",' * 3000 + '"',
        "exited: " * 1000,
        "task " * 2000,
        "stopping " * 1100,
        "$ " * 4900,
        "[1" * 4900,
        "[1 INFO x " * 1000,
        '{"message": "failed to connect to livekit", "level": "WARNING", "name": "livekit.agents", '
        f'"error": "{"Cannot connect to host " * 400}"}}',
    ],
)
def test_a_long_line_takes_a_moment(line: str) -> None:
    """The first one took 5.5 s: the time of a pattern grew with the square of the length."""
    start = time.process_time()
    list(read(f"{number} {line}\n" for number in range(5)))
    assert time.process_time() - start < 2  # they take a tenth of a second
