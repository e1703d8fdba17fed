"""`livekit-doctor --log`: which program ended, whether it started again, and which one went on."""

import pytest

from tests.fast.doctor.test_logs import SERVER, graded, line

WORKER = '2026-11-20 09:20:02,101 - {level} livekit.agents - {message} {{"pid": 1{more}}}'


def said(message: str, level: str = "INFO", more: str = "") -> str:
    return WORKER.format(message=message, level=level, more=more)


START = said("starting worker", more=', "version": "1.8.9"')
REGISTERED = said("registered worker", more=', "agent_name": ""')
JOB = said("received job request", more=', "job_id": "AJ_1", "agent_name": ""')
HEALTHY = [START, REGISTERED, JOB]
JOB_DIED = said("process exited with non-zero exit code -11", "ERROR", ', "job_id": "AJ_1"')
NODE_DIES = ["node:internal/process/promises:394", "      throw err;", "      ^", "", "Error: no"]
REFUSED = said(
    "failed to connect to livekit, retrying in 1s",
    "WARNING",
    ", \"error\": \"401, message='Invalid response status', url='wss://x/agent'\"",
)
MISSING = [
    "Traceback (most recent call last):",
    '  File "/app/agent.py", line 5, in <module>',
    "ImportError: cannot import name 'silero' from 'livekit.plugins' (unknown location)",
]
SUPERVISOR = "2026-11-20 09:20:10,000 INFO "
PM2 = "PM2        | "
SCRIPT = "Script /app/agent.js had too many unstable restarts (16). Stopped."


def of(prefix: str, *lines: str) -> list[str]:
    return [prefix + text for text in lines]


def found(*lines: str | list[str]) -> str:
    parts = ([part] if isinstance(part, str) else part for part in lines)
    return graded("".join(f"{text}\n" for part in parts for text in part).encode())


@pytest.mark.parametrize(
    ("expected", "prefix", "end"),
    [
        ("worker-ended", "", f"{SUPERVISOR}exited: agent (exit status 1; not expected)"),
        ("worker-ended", "", f"{SUPERVISOR}exited: agent (exit status 0; expected)"),
        ("out-of-memory", "", f"{SUPERVISOR}exited: agent (terminated by SIGKILL; not expected)"),
        ("worker-ended", "", f"{SUPERVISOR}gave up: agent entered FATAL state, too many retries"),
        ("out-of-memory", "a | ", f"a | {SUPERVISOR}exited: x (terminated by SIGKILL; x)"),
        ("", "", f"{SUPERVISOR}exited: migrate (exit status 0; expected)"),
        ("worker-ended", "[agent] ", "[agent] python agent.py start exited with code 1"),
        ("", "[agent] ", "[web] npm run dev exited with code 1"),
        ("worker-ended", "0|agent | ", f"{PM2}App [agent:0] exited with code [1] via signal"),
        ("", "0|agent | ", f"{PM2}App [web:1] exited with code [1] via signal [SIGINT]"),
        ("out-of-memory", "0|agent | ", f"{PM2}App [agent:0] exited with code [0] via signal "
         "[SIGKILL]"),
        ("worker-ended", "", "2026-11-20T09:20:03: PM2 log: App [agent:0] exited with code [1] x"),
        ("worker-ended", "0|agent | ", PM2 + SCRIPT),
        ("worker-ended", "", "agent:dev: ERROR: command finished with error: command (/app) pnpm "
         "run dev exited (1)"),
        ("worker-ended", "", f"{SUPERVISOR}received SIGTERM indicating exit request"),
        ("worker-ended", "", "[s6-finish] sending all processes the KILL signal and exiting."),
        ("out-of-memory", "app[worker.1]: ", "heroku[worker.1]: Process exited with status 137"),
        ("out-of-memory", "app[worker.1]: ", "heroku[worker.1]: Error R15 (Memory quota vastly "
         "exceeded)"),
        ("", "app[worker.1]: ", "heroku[web.1]: Process exited with status 137"),
        ("out-of-memory", "09:20:10 w.1 | ", "09:20:10 system | w.1 stopped (rc=-9)"),
        ("", "agent-1  | ", "web-1 exited with code 137 (restarting)"),
        ("worker-ended", "", "[nodemon] app crashed - waiting for file changes before starting..."),
    ],
)  # fmt: skip
def test_a_process_manager(expected: str, prefix: str, end: str) -> None:
    assert found(of(prefix, *HEALTHY), end) == expected


@pytest.mark.parametrize(
    ("expected", "end"),
    [
        ("worker-ended", " Container app-agent-1  Stopped"),
        ("worker-ended", " ✔ Container app-agent-1  Removed  10.2s"),
        ("worker-ended", "agent.service: Succeeded."),
        ("worker-ended", "agent.service: Start request repeated too quickly."),
        ("out-of-memory", "Container 'agent' was terminated with exit code '137' and reason 'x'"),
        ("worker-ended", "[nodemon] clean exit - waiting for changes before restart"),
        ("worker-ended", "Terminate batch job (Y/N)?"),
        ("worker-ended", "forrtl: error (200): program aborting due to control-C event"),
        ("worker-ended", "##[error]The operation was canceled."),
        ("worker-ended", "npm error signal SIGTERM"),
        ("worker-ended", "PM2        | Stopping app:agent id:0"),
        ("worker-ended", "10:00:00 system | sending SIGTERM to agent.1 (pid 3)"),
        ("worker-ended", '"stoppedReason": "Scaling activity initiated by deployment"'),
        ("worker-ended", "Normal  Killing  2m  kubelet  Stopping container agent"),
        ("worker-ended", "Warning  Evicted  2m  kubelet  The node was low on resource: memory."),
        ("worker-ended", "WARNING 2026-01-05T16:00:00.559673Z Container called exit(1)."),
        ("out-of-memory", "WARNING 2026-01-05T16:00:00.559673Z Container called exit(137)."),
        ("worker-ended", "INFO Main child exited with signal (with signal 'SIGTERM', core dumped? "
         "false)"),
        ("out-of-memory", "INFO Main child exited with signal (with signal 'SIGKILL', core dumped? "
         "false)"),
        ("out-of-memory", "OutOfMemoryError: Container killed due to memory usage"),
        ("out-of-memory", "Uncaught signal: 9, pid=1, tid=1, fault_addr=0."),
        ("out-of-memory", "signal: killed"),
        ("out-of-memory", '"OOMKilled": true,'),
        ("", '"OOMKilled": false,'),
        ("", "OOMKilled: false"),
        # The words of a platform that is not known are only a warning.
        ("worker-ended?", "(service agent) has stopped 1 running tasks: (task abc)."),
        ("worker-ended?", "Spot interruption notice received, instance will be terminated"),
        ("worker-ended", "App agent has excess capacity, autostopping machine abc."),
        ("", "user: my account exited with code 3 today"),
        ("", "assistant: the bus stopped, and we got out"),
    ],
)  # fmt: skip
def test_a_platform(expected: str, end: str) -> None:
    assert found(HEALTHY, end) == expected
    assert found(HEALTHY, end, *HEALTHY) in ("", "out-of-memory?", "worker-ended?")
    assert found(end) in ("unknown-log", expected)


def test_a_container_of_compose() -> None:
    healthy = of("agent-1  | ", *HEALTHY)
    assert found(healthy, " Container app-agent-1  Stopped") == "worker-ended"
    assert found(healthy, " Container app-redis-1  Stopped") == ""


@pytest.mark.parametrize(
    "end",
    [
        "Error R10 (Boot timeout) -> Web process failed to bind to $PORT within 60 seconds",
        "ERROR 2026-01-05T16:00:00Z Default STARTUP TCP probe failed 1 time consecutively for "
        'container "agent-1" on port 8080. The instance was not started.',
        "The user-provided container failed to start and listen on the port defined provided by "
        "the PORT=8080 environment variable",
        "Container agent failed liveness probe, will be restarted",
        "==> Port scan timeout reached, no open ports detected.",
        "Container agent didn't respond to HTTP pings on port: 8080, failing site start.",
        "(service agent) task abc failed container health checks.",
    ],
)
def test_a_health_check_that_fails(end: str) -> None:
    assert (
        found(HEALTHY, end) == found(HEALTHY, end, "agent exited with code 137") == "health-check"
    )
    assert found(HEALTHY, end, JOB) == "health-check?"


@pytest.mark.parametrize(
    "prompt",
    [
        "user@host:~/app$",
        "PS C:\\app>",
        "(venv) C:\\app>",
        "host app %",
        "$",
        "\u276f",
        "root@1a2b:/app#",
    ],
)
def test_a_shell_that_prompts_again(prompt: str) -> None:
    for command in ("python agent.py start", "LOG=1 uv run agent.py dev", "npm start 2>&1"):
        started = [f"{prompt} {command}", *HEALTHY]
        assert found(started) == ""
        assert found(started, prompt) == found(started, f"{prompt} ls") == "worker-ended"
        assert found(started, *started) == ""
    for command in ("docker logs agent", "tail worker.log", "python agent.py start &", "cat x.log"):
        assert found(f"{prompt} {command}", *HEALTHY, prompt) == ""


@pytest.mark.parametrize(
    "introduction",
    [
        ["Exception in thread Thread-1 (f):"],
        ["Exception in callback f()", "handle: <Handle f()>"],
        ["Exception ignored in: <function f at 0x1>"],
        ["Task exception was never retrieved", "future: <Task finished name='Task-1'>"],
        ["--- Logging error ---"],
    ],
)
def test_an_exception_that_ends_no_program(introduction: list[str]) -> None:
    traceback = ["Traceback (most recent call last):", '  File "x.py", line 1, in f', "ValueError"]
    assert found(HEALTHY, introduction, traceback) == "unexplained-errors?"
    assert found(HEALTHY, traceback) == "crashed"


@pytest.mark.parametrize(
    ("expected", "printed"),
    [
        ("provider-key-missing?", "Warning: LANGFUSE_SECRET_KEY is missing; tracing is disabled"),
        ("module-missing?", "No module named 'flash_attn', using the slow path"),
        ("no-such-file?", "/bin/sh: 1: nvidia-smi: not found"),
        ("port-taken?", "bind: address already in use (metrics), continuing"),
        ("native-library?", "libcublas.so.12: cannot open shared object file: No such file or "
         "directory"),
        ("crashed?", "ValueError: invalid literal"),
        ("crashed?", "KeyError: 'name'"),
        ("", "usage: {'prompt_tokens': 3, 'details': [4]}"),
        ("", "DATABASE_URL environment variable is not set; running without"),
    ],
)  # fmt: skip
def test_what_is_printed_beside_a_worker_ends_nothing(expected: str, printed: str) -> None:
    assert found(HEALTHY, printed) == expected
    assert found(HEALTHY, printed, JOB) in ("", expected, "unexplained-errors?")


def test_a_file_that_no_longer_parses_when_it_is_loaded_again() -> None:
    error = ['  File "/app/agent.py", line 12', "    def x(", "         ^", "SyntaxError: '('"]
    assert found(HEALTHY, error) == "syntax-error crashed"


def test_ctrl_c_during_something_else() -> None:
    first, second = (
        ["Traceback (most recent call last):", '  File "x.py", line 1, in f', error]
        for error in ("asyncio.exceptions.CancelledError", "KeyboardInterrupt")
    )
    during = ["", "During handling of the above exception, another exception occurred:", ""]
    assert found(HEALTHY, first, during, second) == "worker-ended"


def test_a_process_manager_that_names_one_of_two_programs() -> None:
    both = [*of("0|a | ", *HEALTHY), *of("1|b | ", *HEALTHY)]
    ended = f"{PM2}App [b:1] exited with code [1] via signal [SIGINT]"
    assert found(both, ended) == found(both, ended, PM2 + SCRIPT) == "worker-ended"


@pytest.mark.parametrize(
    ("expected", "prefix", "end"),
    [
        ("out-of-memory?", "", "Killed"),
        ("out-of-memory?", "agent-1  | ", "agent-1 exited with code 137 (restarting)"),
        ("native-crash?", "agent-1  | ", "agent-1 exited with code 139 (restarting)"),
        ("worker-ended?", "agent-1  | ", "agent-1 exited with code 1 (restarting)"),
        ("", "agent-1  | ", "agent-1 exited with code 0 (restarting)"),
        ("", "agent-1  | ", "agent-1 exited with code 143"),
        (
            "out-of-memory?",
            "Nov 20 09:20:00 host agent[12]: ",
            "Nov 20 09:20:00 host systemd[1]: x.service: Main process exited, code=killed, "
            "status=9",
        ),
    ],
)
def test_a_worker_that_is_started_again(expected: str, prefix: str, end: str) -> None:
    log = [*of(prefix, *HEALTHY), end] * 4
    assert found(log) == (expected.rstrip("?") or "worker-ended")
    assert found(log, of(prefix, *HEALTHY)) == expected


def test_a_worker_that_starts_again_but_does_not_register() -> None:
    slow = said("error initializing process", "ERROR")
    assert found(HEALTHY, slow, "Killed", START) == "slow-start? out-of-memory? never-registered"
    assert found(HEALTHY, START, REFUSED) == "key-refused"


def test_several_workers_are_judged_one_by_one() -> None:
    healthy = of("a-1  | ", *HEALTHY)
    assert found(healthy, of("b-1  | ", START)) == "never-registered"
    assert found(of("b-1  | ", START, REFUSED), healthy) == "key-refused"
    assert found(of("b-1  | ", START, REFUSED, REGISTERED), healthy) == "key-refused?"
    assert found(of("b-1  | ", *MISSING), healthy, of("a-1  | ", JOB)) == "missing-plugin"
    # Without prefixes, nothing tells two of them apart.
    assert found(START, REFUSED, *HEALTHY) == "key-refused?"
    # What ends beside the worker need not be a worker.
    web = of("web-1  | ", "Traceback (most recent call last):", "  x", "ModuleNotFoundError: No "
             "module named 'flask'")  # fmt: skip
    assert found(web, healthy, of("a-1  | ", JOB)) == "module-missing?"


@pytest.mark.parametrize(
    ("expected", "printed"),
    [
        ("native-crash?", ["Fatal Python error: Segmentation fault", "", "Thread 0x1:"]),
        ("native-crash?", ["thread 'tokio-runtime-worker' panicked at src/x.rs:1:1:"]),
        ("out-of-memory?", ["terminate called after throwing an instance of 'std::bad_alloc'"]),
        ("unexplained-errors? crashed?", [*NODE_DIES, "", "Node.js v22.11.0"]),
        ("", ["ffmpeg exited with code 1"]),
        ("", ['{"message": "shutdown signal received", "level": "INFO", "name": "my-agent"}']),
    ],
)
def test_what_dies_beside_a_worker_that_goes_on(expected: str, printed: list[str]) -> None:
    assert sorted(found(HEALTHY, printed, JOB).split()) == sorted(expected.split())
    if expected.startswith(("native", "out")):
        assert found(HEALTHY, printed, JOB_DIED) == "job-died"
        assert found(HEALTHY, printed, said("job exiting", more=', "job_id": "AJ_1"')) == expected
        assert found(HEALTHY, printed) == expected.rstrip("?")
    # A worker that is told to stop reports its processes, too.
    assert found(HEALTHY, said("draining worker"), JOB_DIED) == "job-died worker-ended"


def test_words_that_are_no_end() -> None:
    for text in ("Killed Bill movie", "Terminated the call", "player terminated", "Aborted by x"):
        assert found(HEALTHY, text) == ""
    for text in ("Call shutdown signal received", "received signal 2 bars"):
        assert found(HEALTHY, f'{{"message": "{text}", "level": "INFO", "name": "my-agent"}}') == ""
    of_job = '{"message": "SIGTERM received", "level": "INFO", "name": "x", "job_id": "AJ_1"}'
    assert found(HEALTHY, of_job) == ""
    assert found(HEALTHY, of_job.replace("job_id", "id")) == "worker-ended"
    # Whose end that is, cannot be known; it is said once.
    server = line(SERVER, "worker registered", '"workerID": "AW_1", "agentName": ""')
    assert found(server, HEALTHY, "ffmpeg exited with code 1") == "worker-ended?"
    assert found(HEALTHY, "ffmpeg exited with code 1") == "worker-ended?"
    assert found(HEALTHY, "ffmpeg exited with code 1", said("process exiting")) == ""
    assert found(HEALTHY, "agent exited with code 1") == "worker-ended"
    assert found(HEALTHY, "agent exited with code 1", said("process exiting")) == "worker-ended"


def test_a_server_that_was_running_already() -> None:
    assert found(line(SERVER, "participant closing", '"reason": "x"')) == "no-evidence?"
    assert found(line(SERVER, "using single-node routing", "")) == "never-started"


@pytest.mark.parametrize("service", ["sip", "egress", "ingress"])
def test_another_service_of_livekit(service: str) -> None:
    for lines in (
        [f"2026-02-01T10:00:00.123Z\tINFO\t{service}\tsip/inbound.go:141\tservice ready\t{{}}"],
        [f'{{"level":"info","ts":1.5,"logger":"{service}","caller":"x/y.go:1","msg":"ready"}}'],
    ):
        assert found(lines) == "unknown-log"
        assert found(of("agent-1  | ", *HEALTHY), of("sip-1  | ", *lines)) == ""


def test_an_agent_that_left_before_its_job_ended() -> None:
    """The server counts every job as failed whose agent shuts itself down."""
    registered = line(SERVER, "worker registered", '"workerID": "AW_1", "agentName": ""')
    ended = '"jobID": "AJ_1", "status": "JS_FAILED", "error": "{}"'
    assert found(registered, line(SERVER, "job ended", ended.format("x"))) == "job-died"
    left = line(SERVER, "job ended", ended.format("agent worker left the room"))
    assert found(registered, left) == ""


def test_a_server_that_lost_its_workers() -> None:
    def of_worker(message: str, number: int) -> str:
        return line(SERVER, message, f'"workerID": "AW_{number}", "agentName": ""')

    first, second = (of_worker("worker registered", number) for number in (1, 2))
    gone = [of_worker("worker closed WS connection", 1), of_worker("closing worker", 1)]
    assert found(first, gone) == "worker-ended"
    assert found(first, second, gone) == ""
    assert found(first, gone, second) == ""
    assert found(second, gone) == ""
