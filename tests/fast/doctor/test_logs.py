"""`livekit-doctor --log`: what it finds in logs."""

import gzip
import io
import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from livekit_doctor import text
from livekit_doctor.finding import Finding
from livekit_doctor.logs import read
from livekit_doctor.logs.causes import BY_ID
from livekit_doctor.logs.verdicts import CRASHES, MESSAGES, connections
from livekit_doctor.text import LINE_LIMIT
from tests.fast.doctor.log_cases import CASES, FILES, NOISE, PRINTED

INPUTS = Path(__file__).parent / "inputs" / "logs"

# How livekit-agents logs (`start`, `dev`), and livekit-server (as text, as JSON):
# $1 is the message, $2 are the fields.
START = '{"message": "$1", "level": "INFO", "name": "livekit.agents", $2, "timestamp": "2026"}'
DEV = "2026-11-25 07:00:03,953 - \x1b[33mWARNING\x1b[0m livekit.agents - $1 \x1b[90m{$2}\x1b[0m"
SERVER = "2026-11-25T06:58:13.513Z\tINFO\tlivekit.agents\tagent/client.go:181\t$1\t{$2}"
SERVER_JSON = '{"level":"info","ts":1.5,"logger":"livekit.agents","msg":"$1",$2}'
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJ2aWRlbyI6e30sInN1YiI6IiJ9.c2lnbmF0dXJl"


def line(style: str, message: str, fields: str) -> str:
    return style.replace("$1", message).replace("$2", fields)


JOB = '"job_id": "AJ_AF7q", "dispatch_id": "AD_rYHw", "room": "room", "agent_name": ""'
ASKED = '"error": "{}", "namespace": "", "jobType": "JT_ROOM", "agentName": ""'
SENT = "failed to send job request"
NO_WORKER = "not dispatching agent job since no worker is available"
REFUSED = "401, message='Invalid response status', url='ws://127.0.0.1:7880/agent'"
RETRYING = "failed to connect to livekit, retrying in 0s"
UNAUTHORIZED = '"status": 401, "method": "GET", "path": "{}", "error": "invalid token: ' + JWT + '"'
FULL = "worker is at full capacity, marking as unavailable"
NO_ANSWER = "no answer was given inside the job_request_fnc, automatically rejecting the job"
NO_CONNECTION = "The job task completed without establishing a connection or performing a shutdown."

# What a worker logs: message, fields, cause.
OF_WORKERS = [
    (NO_ANSWER, '"job_request": "<livekit.agents.job.JobRequest>"', "no-answer"),
    ("assignment for job AJ_UTBX timed out", '"agent_name": ""', "slow-handler"),
    (FULL, '"load": 0.95, "threshold": 0.7', "worker-full"),
    (RETRYING, f'"retry_count": 1, "error": "{REFUSED}"', "key-refused"),
    (RETRYING, '"error": "Cannot connect to host nowhere.invalid:7880"', "server-unreachable"),
    ("worker failed", '"exc_info": "OSError: [Errno 98]: address already in use"', "port-taken"),
    ("worker failed", '"exc_info": "ValueError: no"', "worker-failed"),
    ("registered worker", '"agent_name": "other", "id": "AW_rg6v"', "named-worker"),
    ("received job request", '"job_id": "AJ_1", "agent_name": "other"', "named-worker"),
    ("error initializing process", '"exc_info": "TimeoutError", "pid": 1', "slow-start"),
    ("failed to acquire process for job after 3 attempts", '"job_id": "AJ_1"', "no-process"),
    ("unhandled exception while running the job task", '"pid": 2', "entrypoint-raised"),
    ("job process exceeded memory limit, killing it", '"memory_limit_mb": 250', "memory-limit"),
    ("process exceeded memory limit, killing process", '"pid": 2', "memory-limit"),
    ("process exited with non-zero exit code 7", '"pid": 28480, "job_id": "AJ_SsuP"', "job-died"),
    ("process is unresponsive, killing process", '"pid": 4679', "unresponsive"),
    (NO_CONNECTION, '"pid": 3', "never-joined"),
    ("⚠️  agent_name is set to: 'x'", '"pid": 3', "name-in-environment"),
]
# What a server logs.
OF_SERVERS = [
    (SENT, ASKED.format("no response from servers"), "nobody-answered"),
    (SENT, ASKED.format("no servers available (received 1 responses)"), "no-capacity"),
    (SENT, ASKED.format("no workers with sufficient capacity"), "all-refused"),
    (SENT, ASKED.format("request timed out"), "slow-handler"),
    ("failed to assign job to worker", '"error": "context deadline exceeded"', "slow-handler"),
    (NO_WORKER, '"agentName": "nobody", "jobType": "JT_ROOM", "room": "room"', "no-such-worker"),
    ("error handling request", UNAUTHORIZED.format("/agent"), "key-refused"),
    ("error handling request", UNAUTHORIZED.format("/rtc/v1"), "token-refused"),
    ("worker registered", '"jobType": "JT_ROOM", "agentName": "other"', "named-worker"),
    ("job ended", '"jobID": "AJ_SsuP", "status": "JS_FAILED", "error": ""', "job-died"),
]
STARTED = line(START, "starting worker", '"version": "1.8.9"')
REGISTERED = line(START, "registered worker", '"agent_name": "", "id": "AW_VcBE"')
HEALTHY = [
    STARTED,
    REGISTERED,
    line(DEV, "received job request", JOB),
    line(DEV, "received assignment", JOB),
    line(START, "process exited with non-zero exit code -10", '"pid": 3'),  # an idle one
    line(SERVER, "worker registered", '"jobType": "JT_ROOM", "agentName": ""'),
    line(SERVER, "assigned job to worker", '"jobID": "AJ_GCuQ", "jobType": "JT_ROOM"'),
    # When a named room opens, and when any room closes.
    line(SERVER, NO_WORKER, '"agentName": "a", "jobType": "JT_PARTICIPANT", "room": "room"'),
    line(SERVER, NO_WORKER, '"agentName": "a", "jobType": "JT_PUBLISHER", "room": "room"'),
    line(SERVER, SENT, '"error": "no response from servers", "jobID": "AJ_GCuQ"'),
]


def causes(*lines: str) -> list[str]:
    return [finding.cause for finding in read(lines) if finding.level != "ok"]


def graded(content: bytes) -> str:
    """The causes that are found in a file, each with `?` if it is a warning."""
    wrong = [finding for finding in read(text.lines(io.BytesIO(content))) if finding.level != "ok"]
    return " ".join(f.cause + "?" * (f.level == "warning") for f in wrong)


@pytest.mark.parametrize(("name", "expected"), FILES.items())
def test_a_real_log(name: str, expected: str) -> None:
    assert graded((INPUTS / name).read_bytes()) == expected


def test_every_input_is_in_the_table() -> None:
    assert sorted(FILES) == sorted(path.name for path in INPUTS.iterdir() if path.is_file())


@pytest.mark.parametrize(("expected", "log"), CASES)
def test_a_log_of_the_same_kind(expected: str, log: str) -> None:
    assert graded(log.encode()) == expected


# What Windows, containers and platforms make of a line.
WRAPPINGS = {
    "Windows": "{line}\r",
    "compose": "worker-1  | {line}",
    "kubectl": "[pod/agent-7f9c/agent] {line}",
    "kubernetes": "2026-11-20T09:00:00.123456789Z stdout F {line}",
    "docker -t": "2026-11-20T09:00:00.123456789Z {line}",
    "honcho": "17:19:28 worker.1  | {line}",
    "syslog": "Nov 20 09:00:00 host python[123]: {line}",
    "heroku": "2026-11-20T09:00:00.000000+00:00 app[worker.1]: {line}",
    "docker's file": '{{"log":{json},"stream":"stderr","time":"2026-11-20T09:00:00.1Z"}}',
    "cloud run": '{{"textPayload": {json}, "timestamp": "2026-11-20T09:00:00.1Z"}}',
    "cloudwatch": '{{"@timestamp": "2026-11-20 09:00:00.000", "@message": {json}}}',
}


@pytest.mark.parametrize("wrapping", WRAPPINGS.values(), ids=WRAPPINGS)
def test_a_log_that_went_through_other_programs(wrapping: str) -> None:
    different = []
    for name, expected in FILES.items():
        lines = "".join(text.lines(io.BytesIO((INPUTS / name).read_bytes()))).splitlines()
        log = [f"{wrapping.format(line=line, json=json.dumps(line))}\n" for line in lines]
        if (found := graded("".join(log).encode())) != expected:
            different.append(f"{name}: {found}, not {expected}")
    assert different == []


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_an_encoding(encoding: str) -> None:
    for name, expected in FILES.items():
        log = "".join(text.lines(io.BytesIO((INPUTS / name).read_bytes())))
        assert graded(log.encode(encoding)) == expected
        assert graded(gzip.compress(log.encode(encoding))) == expected
    assert graded(gzip.compress(gzip.compress(b"hello"))) == "unknown-log"


HEALTHY_LOGS = ["own10-start.log", "own18-start.log", "own18-dev.log", "node-start.log"]


@pytest.mark.parametrize("name", HEALTHY_LOGS)
def test_a_healthy_log_that_does_not_end_well(name: str) -> None:
    log = (INPUTS / name).read_bytes()
    assert graded(log) == graded(log.rstrip()) == ""
    whole = log.rstrip()
    last_line = whole.rindex(b"\n") + 1
    for end in range(last_line + 10, len(whole) - 5, 7):
        assert graded(whole[:end]) == "cut-off?"
    traceback = (
        b'\nTraceback (most recent call last):\n  File "/app/agent.py", line 1, in <module>\n'
    )
    assert graded(whole + traceback) == "cut-off?"
    assert graded(whole + traceback + b"ZeroDivisionError: division by zero\n") == "crashed"
    draining = '{"message": "draining worker", "level": "INFO", "name": "livekit.agents"}'
    if "node" in name:
        draining = '{"level":30,"time":1795906003695,"pid":24005,"msg":"draining worker"}'
    assert graded(whole + b"\n" + draining.encode()) == "worker-ended"
    registered = next(line for line in log.splitlines() if b"registered worker" in line)
    assert graded(whole + b"\n" + draining.encode() + b"\n" + registered) == ""
    without = b"\n".join(line for line in log.splitlines() if line != registered)
    assert graded(without.split(b"received job request")[0].rpartition(b"\n")[0]) == (
        "never-registered"
    )


def test_what_healthy_programs_say_is_no_finding() -> None:
    for level, logger, message in NOISE:
        noise = f"2026-11-20 09:21:03,101 - {level} {logger} - {message}"
        assert causes(STARTED, REGISTERED, noise) == []
    for printed in PRINTED:
        for log in ([printed, STARTED, REGISTERED], [STARTED, REGISTERED, printed]):
            assert causes(*"\n".join(log).splitlines(keepends=True)) == []


def test_another_program_beside_the_worker() -> None:
    registered = f"worker-1  | {REGISTERED}"
    assert causes(registered, "web-1 exited with code 0") == []
    assert causes(registered, "web-1  | GET / 200", "web-1 exited with code 1") == []
    assert causes(registered, "worker-1 exited with code 1") == ["worker-ended"]
    both = ["worker-1  | " + STARTED, "worker-2  | " + REGISTERED, "worker-2 exited with code 1"]
    assert causes(*both) == ["worker-ended", "never-registered"]


def test_what_was_examined() -> None:
    (*_, examined, _) = read(text.lines((INPUTS / "own18-start.log").open("rb")))
    assert examined.seen.startswith("Read 10 lines: a Python worker (livekit-agents 1.8.9), 2026-")
    (*_, examined, _) = read(text.lines((INPUTS / "node-start.log").open("rb")))
    assert "a Node worker (@livekit/agents 1.9.0), 2026-11-28T22:46:43Z to" in examined.seen


def test_a_sentence_names_what_matters() -> None:
    def seen(name: str) -> str:
        return next(iter(read(text.lines((INPUTS / name).open("rb"))))).seen

    assert seen("py18-refused.log").startswith("Nothing listens at 127.0.0.1:")
    assert "(HTTP 502)" in seen("node-502.log")
    assert "is self-signed" in seen("py18-selfsigned.log")
    assert "has expired" in seen("py18-expired.log")
    assert "is for another host" in seen("node-hostname.log")
    assert "ValueError at agent/worker.py:8" in seen("py18-raise-dev.log")
    assert "ReferenceError at agent/reference.mjs:1" in seen("node-reference.log")
    assert "LIVEKIT_URL, LIVEKIT_API_KEY, WORKER_PORT" in seen("own18-several.log")
    (missing, *_) = read(text.lines((INPUTS / "py18-plugin.log").open("rb")))
    assert missing.command == "uv add livekit-plugins-deepgram"


@pytest.mark.parametrize("prefix", ["", "worker-1  | ", "12:00:01 worker.1 | "])
@pytest.mark.parametrize("style", [START, DEV], ids=["start", "dev"])
@pytest.mark.parametrize(("message", "fields", "cause"), OF_WORKERS)
def test_a_line_of_a_worker(message: str, fields: str, cause: str, style: str, prefix: str) -> None:
    assert causes(prefix + line(style, message, fields)) == [cause]


@pytest.mark.parametrize(("message", "fields", "cause"), OF_SERVERS)
def test_a_line_of_a_server(message: str, fields: str, cause: str) -> None:
    assert causes(line(SERVER, message, fields)) == [cause]
    assert causes(line(SERVER_JSON, message, fields.replace('": ', '":'))) == [cause]


def test_every_cause_is_tested() -> None:
    tested = {cause for *_, cause in OF_WORKERS + OF_SERVERS}
    for expected in [*FILES.values(), *(expected for expected, _ in CASES)]:
        tested |= {cause.rstrip("?") for cause in expected.split()}
    assert {verdict.cause for verdict in (*CRASHES, *MESSAGES, *connections())} - {""} <= tested
    untested = {"empty-log", "no-evidence", "never-started"}
    untested |= {"health-check", "unnamed-worker"}
    assert {*BY_ID} - tested == untested  # see below and test_logs_ends.py


def test_a_healthy_log_has_no_problem() -> None:
    findings = list(read(HEALTHY))
    assert {finding.level for finding in findings} == {"ok"}
    assert {finding.check for finding in findings} == {"log"}
    assert any("without a name" in finding.seen for finding in findings)
    alarms = [finding.seen for finding in findings if "false alarm" in finding.means]
    assert ["(2x" in seen for seen in alarms] == [True, False]
    # The worker and the server both log the same job.
    assert findings[-1].seen == "Job requests: 1 received, 1 assigned, 0 rejected, 0 timed out."


def test_job_requests_are_counted() -> None:
    job = line(DEV, "received job request", JOB)
    late = line(DEV, "assignment for job AJ_UTBX timed out", JOB)
    findings = list(read([job, line(DEV, NO_ANSWER, ""), job, late, line(DEV, NO_ANSWER, "")]))
    assert findings[-1].seen == "Job requests: 2 received, 0 assigned, 2 rejected, 1 timed out."
    assert "(2x, first in line 2)" in findings[0].seen


def test_a_decisive_cause_comes_first_and_hides_its_consequences() -> None:
    traceback = f"aiohttp.client_exceptions.WSServerHandshakeError: {REFUSED}"
    assert causes(line(DEV, RETRYING, ""), traceback) == ["key-refused"]  # livekit-agents 1.0
    no_answer, full = line(DEV, NO_ANSWER, ""), line(START, FULL, '"load": 0.9')
    assert causes(full, no_answer) == ["no-answer", "worker-full"]
    assert causes(full, line(DEV, "assignment for job AJ_1 timed out", "")) == ["slow-handler"]
    refused = line(SERVER, SENT, ASKED.format("no workers with sufficient capacity"))
    assert causes(refused, no_answer) == ["no-answer"]
    killed = line(DEV, "process exceeded memory limit, killing process", "")
    died = line(DEV, "process exited with non-zero exit code -10", JOB)
    assert causes(died, killed) == ["memory-limit"]
    taken = "OSError: [Errno 98] error while attempting to bind: address already in use"
    assert causes(line(DEV, "worker failed", ""), taken) == ["port-taken"]


def test_a_worker_that_registers_later_was_only_late() -> None:
    failed = line(START, RETRYING, '"error": "Cannot connect to host livekit:7880"')
    (late, *others) = read([STARTED, failed, REGISTERED])
    assert (late.level, late.cause) == ("warning", "server-unreachable")
    assert "registered in line 3" in late.seen
    assert {finding.level for finding in others} == {"ok"}
    assert next(iter(read([REGISTERED, failed]))).level == "problem"
    refused = line(START, RETRYING, f'"error": "{REFUSED}"')
    assert causes(refused, REGISTERED, failed) == ["key-refused", "server-unreachable"]


@pytest.mark.parametrize(
    "first", [STARTED, line(SERVER, "starting LiveKit server", '"version": "1.13.5"')]
)
def test_a_log_in_which_no_worker_registers(first: str) -> None:
    assert causes(first) == ["never-registered"]
    assert causes(first, line(DEV, RETRYING, "")) == ["server-unreachable"]


def test_a_proxy_that_is_not_the_server() -> None:
    registered = line(START, "registered worker", '"agent_name": "", "url": "wss://a.example"')
    failed = line(
        START, RETRYING, '"error": "Cannot connect to host 10.0.0.1:3128 ssl:default [x]"'
    )
    (unreachable, *_) = read([registered, failed])
    assert "10.0.0.1:3128 (not the server where the worker registered" in unreachable.seen
    (unreachable, *_) = read([registered, failed.replace("10.0.0.1:3128", "a.example:443")])
    assert "proxy" not in unreachable.seen


def test_the_expected_name_is_not_a_fault() -> None:
    registered = line(START, "registered worker", '"agent_name": "ours", "id": "AW_rg6v"')
    assert {finding.level for finding in read([registered], "ours")} == {"ok"}
    (named, *_) = read([registered], "other")
    assert "'ours'" in named.seen


def test_the_expected_name_is_missing() -> None:
    (missing, *others) = read([REGISTERED], "ours")
    assert (missing.level, missing.cause) == ("warning", "unnamed-worker")
    assert "none as 'ours'" in missing.seen
    assert {finding.level for finding in others} == {"ok"}
    assert not any("without a name" in finding.seen for finding in others)
    named = line(START, "registered worker", '"agent_name": "ours", "id": "AW_rg6v"')
    assert {finding.level for finding in read([REGISTERED, named], "ours")} == {"ok"}
    silent = line(START, "registered worker", '"id": "AW_rg6v"')  # livekit-agents 1.0
    assert {finding.level for finding in read([silent], "ours")} == {"ok"}


def test_a_server() -> None:
    for style in (SERVER, SERVER_JSON):
        starting = line(style.replace("livekit.agents", "livekit"), "using single-node routing", "")
        assert causes(starting) == ["never-started"]
    started = line(SERVER, "starting LiveKit server", "")
    assert causes(starting, started) == ["never-registered"]
    registered = line(SERVER, "worker registered", '"agentName": ""')
    assert causes(started, registered) == []
    assert causes(started, registered, started) == ["never-registered"]
    ending = line(SERVER, "exit requested, shutting down", '"signal": "terminated"')
    assert causes(started, registered, ending) == ["worker-ended"]


def test_a_log_of_another_program() -> None:
    for empty in ([], ["", "\n", "  \n"]):
        (finding,) = read(empty)
        assert (finding.level, finding.cause) == ("problem", "empty-log")
    (finding, _) = read(["INFO: POST /livekit/webhook 200", "hello\ufffd"])
    assert (finding.level, finding.cause) == ("problem", "unknown-log")
    assert finding.command == "python agent.py start > worker.log 2>&1"


def test_a_log_that_begins_later() -> None:
    assert causes(line(START, "plugin registered", '"pid": 1')) == ["no-evidence"]
    assert causes(line(START, "received job request", JOB)) == []


def test_no_token_and_no_secret_comes_through() -> None:
    secrets = f"{JWT} access_token={JWT} a-secret"
    lines = [
        line(style, f"{message} {secrets}", f'{fields}, "error": "{secrets}"')
        for style in (START, SERVER)
        for message, fields, _ in OF_WORKERS + OF_SERVERS
    ]
    lines.append(line(START, "registered worker", f'"agent_name": "{JWT}"'))
    findings = " ".join(map(str, itertools.chain(read(lines), read(lines[-1:]))))
    assert not any(text in findings for text in ("eyJ", "access_token", "a-secret"))
    assert "(a token)" in findings


def test_long_names_and_lines_are_cut() -> None:
    (named, *_) = read([line(START, "registered worker", f'"agent_name": "{"n" * 5000}"')])
    assert len(named.seen) < 200
    assert causes(line(DEV, "x" * LINE_LIMIT, "address already in use")) == ["no-evidence"]
    traceback = json.dumps("File \n" * 1000 + REFUSED)[1:-1]  # livekit-agents 1.0
    assert causes(line(START, RETRYING, f'"exc_info": "{traceback}"')) == ["key-refused"]


def test_memory_use_stays_small() -> None:
    def endless() -> Iterator[str]:
        for number in range(5000):
            yield line(START, "registered worker", f'"agent_name": "{number}"')

    findings: list[Finding] = list(read(endless()))
    assert len(findings) == 3
    assert "(5000x, first in line 1)" in findings[0].seen
