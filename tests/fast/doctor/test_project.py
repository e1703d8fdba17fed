"""`livekit-doctor FOLDER` on small projects, written out as files."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import indent

import pytest

from livekit_doctor.project import NothingToRead, examine
from livekit_doctor.project import files as reader

Files = Mapping[str, str]
Check = Callable[[Files], list[str]]


def worker(options: str = "", file: str = "a.py") -> dict[str, str]:
    """The files of a worker like the guide's, with its options on line 7."""
    return {
        file: "from livekit.agents import WorkerOptions, cli\n"
        "async def entrypoint(ctx):\n"
        "    await ctx.connect()\n"
        "if __name__ == '__main__':\n"
        "    cli.run_app(\n"
        "        WorkerOptions(entrypoint_fnc=entrypoint,\n"
        f"            {options}))\n"
    }


def node(options: str = "") -> dict[str, str]:
    source = (
        "import { cli, ServerOptions } from '@livekit/agents';\n"
        "cli.runApp(new ServerOptions({ agent: url, // agentName: 1\n"
    )
    return {"main.ts": source + options + " }));\n"}


def token(agent: str) -> dict[str, str]:
    return {
        "token.py": "from livekit import api\n"
        "AccessToken().with_room_config(RoomConfiguration(agents=[\n"
        f"RoomAgentDispatch(agent_name={agent})]))\n"
    }


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """A function that checks files and returns the level, cause and place of each finding."""

    def check(files: Files) -> list[str]:
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text, encoding="utf-8")
        findings = [finding for finding in examine(tmp_path) if finding.cause]
        assert all(f.means and f.advice for f in findings)
        return [f"{f.level} {f.cause} {f.seen.split(': ')[0]}" for f in findings] or ["ok"]

    return check


OPTIONS = [  # of a worker in Python, and the finding on line 7
    ("agent_name='my-agent'", "problem named-worker"),  # the guide's cause 2
    ("agent_name=os.environ['X']", "problem named-worker"),
    ("agent_name=os.getenv('X') or 'x'", "problem named-worker"),
    ("agent_name=os.getenv('X')", "warning named-worker"),
    ("agent_name=''", "ok"),
    ("namespace='x', num_idle_processes=4", "problem unknown-option"),  # a misconception it names
    ("num_idle_processes=1", "warning idle-processes"),
    ("num_idle_processes=1, load_threshold=0.9", "warning idle-processes"),
    ("num_idle_processes=1, load_threshold=math.inf", "ok"),
    ("load_threshold=0.0", "problem always-full"),
    ("load_threshold=0.1", "warning always-full"),
    ("load_fnc=lambda *_: 0.9", "problem always-full"),
    ("load_fnc=lambda *_: 0.1", "ok"),
    ("request_fnc=lambda request: request.accept()", "ok"),
    ("request_fnc=lambda request: True", "problem request-plain-def"),
    ("request_fnc=somewhere.handle", "ok"),
]


@pytest.mark.parametrize(("options", "expected"), OPTIONS)
def test_options_of_a_worker(check: Check, options: str, expected: str) -> None:
    assert check(worker(options)) == [expected if expected == "ok" else f"{expected} a.py:7"]


BESIDE_AN_UNNAMED_WORKER = [  # a file, its text, and the finding in it
    (".env", "A=1\nLIVEKIT_AGENT_NAME=x", "problem named-by-environment 2"),
    (".env", "LIVEKIT_AGENT_NAME_OVERRIDE=x", "problem named-by-environment 1"),
    (".env", "LIVEKIT_AGENT_NAME=", "ok"),
    (".env", "# LIVEKIT_AGENT_NAME=x\nA=${LIVEKIT_AGENT_NAME:-x}", "ok"),
    (".env.example", "LIVEKIT_AGENT_NAME=x", "warning named-by-environment 1"),
    ("web/.env", "LIVEKIT_AGENT_NAME=x", "ok"),
    ("Dockerfile", "ENV LIVEKIT_AGENT_NAME x", "problem named-by-environment 1"),
    ("d/compose.yaml", "x:\n  - LIVEKIT_AGENT_NAME=x", "problem named-by-environment 2"),
    (".github/workflows/ci.yml", "LIVEKIT_AGENT_NAME: x", "problem named-by-environment 1"),
    (".github/workflows/ci.yml", "LIVEKIT_AGENT_NAME: $X", "warning named-by-environment 1"),
    ("k8s.yml", "- name: LIVEKIT_AGENT_NAME\n  value: x", "problem named-by-environment 1"),
    ("livekit.toml", "[a]\nname='p'\n[agent]\nname='x'", "warning named-by-livekit-toml 4"),
    ("token.py", token("'x'")["token.py"], "problem names-an-agent 3"),
    (
        "b.py",
        "import livekit\n{'roomConfig': {'agents': [\n{'agentName': 'x'}]}}",
        "problem names-an-agent 3",
    ),
    ("b.py", "import livekit\nlog({'agents': [{'agentName': 'x'}]})", "ok"),
    ("b.ts", "livekit.useSession(source, { agentName: 'x' })", "problem names-an-agent 1"),
    ("b.ts", "livekit.trace({ agentName: 'x' })", "ok"),
    ("b.ts", "// livekit\ndefineAgent({ agentName: 'x' })", "problem named-worker 2"),
    ("b.ts", "livekit.defineAgent({ f: async () => { log({ agentName: 'x' }) } })", "ok"),
    ("b.ts", "livekit.list = { agents: [{ agentName: 'x' }] }", "ok"),
    ("b.ts", "// livekit\nx.createDispatch(f(a, 1), 'x');", "warning names-an-agent 2"),
    (
        "b.ts",
        "const A = 'x'\nlivekit.roomConfig = { agents: [{ agentName: A }] }",
        "problem names-an-agent 2",
    ),
    ("b.ts", "livekit.roomConfig = { agents: [{ agentName }] }", "ok"),
    ("b.ts", "livekit = { a: '{ agentName: 1 }', b: ok ? agentName : 'y' }", "ok"),
    ("b.ts", "interface livekit { agentName: string }", "ok"),
    ("b.js", "livekit({ metadata: JSON.stringify({ agentName: 'x' }) })", "ok"),
    ("b.py", "# livekit\nlog(extra={'metadata': {'agent_name': 'x'}})", "ok"),
    ("b.py", "import livekit\nroom_metadata = {'agent_name': 'x'}", "warning name-in-metadata 2"),
    ("b.py", "import livekit\nroom_metadata['agent_name'] = x", "warning name-in-metadata 2"),
    (
        "b.py",
        'import livekit\nCreateRoomRequest(metadata=\'{"agent_name": "x"}\')',
        "warning name-in-metadata 2",
    ),
    (  # the guide's cause 1
        "web.js",
        "fetch('/livekit/token', { roomMetadata: JSON.stringify({\n  require_agent: true,\n"
        "  agent_name: 'polyglot-flight-agent'  // This breaks automatic dispatch!\n}) })",
        "warning name-in-metadata 3",
    ),
    (
        "web.js",
        "fetch('/livekit/token', { roomMetadata: JSON.stringify({\n  require_agent: true\n"
        "  // No agent_name specified\n}) })",
        "ok",
    ),
    (
        "token.py",
        "from livekit.api import AccessToken\nroom_metadata = {\n"
        '    "require_agent": True,\n    # "agent_name": "xxx"  # DON\'T include this!\n}',
        "ok",
    ),
    ("b.py", "import livekit\ncli.run_app(options)", "warning no-main-guard 2"),
    ("b.py", "import livekit\nif", "warning syntax-error 2"),
    ("b.py", "import other\nif", "ok"),
    *((f"{folder}/b.py", worker("agent_name='x'")["a.py"], "ok") for folder in ("tests", ".cache")),
    *((name, worker("agent_name='x'")["a.py"], "ok") for name in ("test_b.py", "venv/b.py")),
]


@pytest.mark.parametrize(("file", "text", "expected"), BESIDE_AN_UNNAMED_WORKER)
def test_a_file_beside_an_unnamed_worker(check: Check, file: str, text: str, expected: str) -> None:
    level, _, line = expected.rpartition(" ")
    assert check(worker() | {file: text}) == [f"{level} {file}:{line}" if level else "ok"]


NAMED = worker("agent_name='my-agent'")
WORKERS_AND_REQUESTS: list[tuple[Files, str]] = [
    (NAMED | token("'my-agent'"), "ok"),
    (NAMED | token("'My-Agent'"), "problem names-differ token.py:3"),
    (NAMED | token("request.agent"), "ok"),
    (NAMED | token("''"), "problem named-worker a.py:7"),
    (worker("agent_name=settings.agent") | token("'x'"), "ok"),
    (worker("agent_name=settings.agent") | token("''"), "warning named-worker a.py:7"),
    (token("'x'"), "ok asked-elsewhere token.py:3"),
    (node("agentName: 'x'"), "problem named-worker main.ts:3"),
    (node("agentName: 'x'") | token("'x'"), "ok"),
    (node() | token("'x'"), "problem names-an-agent token.py:3"),
    (node("...options") | token("'x'"), "ok asked-elsewhere token.py:3"),
    (NAMED | {"b.ts": "livekit.roomConfig = { agents: [{ agentName }] }"}, "ok"),
    (NAMED | {"b.ts": "livekit.roomConfig = { agents: [{ agentName: undefined }] }"},
     "problem named-worker a.py:7"),
    (NAMED | {"b.ts": "livekit.connect({ agentName: 'my-agent' })"}, "ok"),
    (NAMED | {"b.ts": "livekit.connect({ agentName: process.env.AGENT_NAME })"}, "ok"),
    (NAMED | {"b.py": "import livekit\n{'agents': [{'agentName': 'my-agent'}]}"}, "ok"),
    (NAMED | {"b.ts": "livekit.f({ agents: [{ agentName }] })"}, "ok"),
    (NAMED | {"run.sh": "lk dispatch create --agent-name my-agent"}, "ok"),
    (NAMED | {"rule.json": '{"roomConfig": {"agents": [{"agentName": "my-agent"}]}}'}, "ok"),
    ({"a.py": "import livekit\n@server.rtc_session(agent_name='x')\nasync def f(ctx): ..."},
     "problem named-worker a.py:2"),
    ({"a.py": "import livekit\n@server.rtc_session\nasync def f(ctx): ..."} | token("'x'"),
     "problem names-an-agent token.py:3"),
    (worker("agent_name=config.NAME", "app/a.py")
     | {"app/config.py": "from .names import N as NAME", "app/names/__init__.py": "N = 'x'"}
     | {"app/a.py": "from app import config\n" + worker("agent_name=config.NAME")["a.py"]}
     | token("'y'"),
     "problem names-differ token.py:3"),
    (worker("agent_name=os.environ['AGENT_NAME']") | {"web/.env.local": "AGENT_NAME=x"}
     | {"t.ts": "livekit.createRoom({ agents: [{ agentName: process.env.AGENT_NAME ?? 'y' }] })"},
     "ok"),
    (worker() | {".env": "AGENT_NAME=x"}
     | {"t.ts": "livekit.createRoom({\nagents: [{ agentName: process.env.AGENT_NAME ?? 'y' }] })"},
     "problem names-an-agent t.ts:2"),
    (worker("agent_name=os.environ['AGENT_NAME']") | token("'z'")
     | {"a/.env": "AGENT_NAME=x", "b/.env": "AGENT_NAME=y"}, "ok"),
    (worker("agent_name=os.environ['AGENT_NAME']") | {".env": "AGENT_NAME=x"} | token("'y'"),
     "problem names-differ token.py:3"),
    (NAMED | token("'my-agent'") | {".env": "LIVEKIT_AGENT_NAME=x"}, "ok"),
    (NAMED | token("'my-agent'") | {".env": "LIVEKIT_AGENT_NAME_OVERRIDE=x"},
     "problem names-differ token.py:3"),
    # The metadata of a job is not that of a room.
    (NAMED | {
        "b.py": "import livekit\nRoomConfiguration(agents=[RoomAgentDispatch("
        "agent_name='my-agent', metadata=json.dumps({'agent_name': 'y'}))])",
        "c.ts": "livekit.createDispatch(room, 'my-agent', {\n"
        "  metadata: JSON.stringify({ agentName: 'y' }) })",
    }, "ok"),
]  # fmt: skip


@pytest.mark.parametrize(("files", "expected"), WORKERS_AND_REQUESTS)
def test_names_of_workers_and_requests_for_them(check: Check, files: Files, expected: str) -> None:
    assert check(files) == [expected]


LOCALS = [  # what a function knows of the name n, and the answer
    ("def f():\n    n = 'my-agent'\n    ", "ok"),
    ("def f():\n    n = 'agent'\n    ", "problem names-differ t.py:4"),
    ("n = 'x'\ndef f(n):\n    ", "ok"),
    ("n = 'x'\ndef f():\n    for n in names:\n        ", "ok"),
    ("n = 'x'\ndef f():\n    def g():\n        n = 1\n    ", "problem names-differ t.py:6"),
]


@pytest.mark.parametrize(("before", "expected"), LOCALS)
def test_names_in_functions(check: Check, before: str, expected: str) -> None:
    request = f"import livekit\n{before}RoomAgentDispatch(agent_name=n)\n"
    assert check(NAMED | {"t.py": request}) == [expected]


GUIDE_GOOD = worker("prewarm_fnc=p, port=8082, num_idle_processes=1, shutdown_process_timeout=30")
LATE = {"b.py": "import livekit\nRoomInputOptions(close_on_disconnect=False)"}
NAMING = {".env": "LIVEKIT_AGENT_NAME=x"}
RELEASES: list[tuple[Files, str, str, str]] = [
    (GUIDE_GOOD, "uv.lock", 'name = "livekit-agents"\nversion = "1.0.23"', "ok"),
    (GUIDE_GOOD, "pyproject.toml", 'x = ["livekit-agents[openai]>=1,<1.4"]', "ok"),
    (GUIDE_GOOD, "pyproject.toml", 'x = ["livekit-agents[openai]~=1.4"]', "idle-processes"),
    (LATE, "requirements.txt", "livekit-agents~=1.0.23", "unknown-option"),
    (LATE, "requirements.txt", "livekit-agents>=1.0", "ok"),
    (worker() | NAMING, "requirements.txt", "livekit-agents==1.5.6", "ok"),
    (worker() | NAMING, "requirements.txt", "livekit-agents==1.5.7", "named-by-environment"),
]


@pytest.mark.parametrize(("files", "file", "pin", "expected"), RELEASES)
def test_the_release_of_the_sdk(
    check: Check, files: Files, file: str, pin: str, expected: str
) -> None:
    (found,) = check({**files, file: pin})
    assert expected in found


ACCEPT, REJECT = "await request.accept()", "await request.reject()"
HANDLERS = [  # the body of a request handler, the finding, and its line in the body (0: def)
    (ACCEPT, ""),
    ("await request.accept(name='x', identity='y')", ""),
    (f"return {ACCEPT}", ""),
    ("await asyncio.wait_for(request.accept(), 2)", ""),
    ("await (request.accept() if ok else request.reject())", ""),
    ("await decide(request)", ""),
    ("await answer(request)", ""),
    ("answer = request.accept()\nawait answer", ""),
    ("task = asyncio.create_task(request.accept())\nawait task", ""),
    ("task = asyncio.create_task(request.accept())", "problem request-not-awaited 1"),
    (f"{ACCEPT}\nawait asyncio.sleep(9)", ""),
    (f"if full:\n    {REJECT}\n    return\n{ACCEPT}", ""),
    (f"async with lock:\n    {ACCEPT}", ""),
    (f"try:\n    parse()\nexcept Exception:\n    pass\n{ACCEPT}", ""),
    (f"try:\n    log.info('x')\n    {ACCEPT}\nexcept Exception:\n    pass", ""),
    (f"try:\n    raise A\nexcept A:\n    {ACCEPT}", ""),
    (f"try:\n    return\nfinally:\n    {ACCEPT}", ""),
    (f"match x:\n    case 'a':\n        {REJECT}\n    case _:\n        {ACCEPT}", ""),
    (f"while True:\n    if full():\n        continue\n    {ACCEPT}\n    break", ""),
    (f"return True\n{ACCEPT}", "problem request-unanswered 1"),  # the guide's
    ("pass", "problem request-unanswered 0"),
    (f"if ok:\n    {ACCEPT}", "problem request-unanswered 0"),
    (f"if full:\n    return\n{ACCEPT}", "problem request-unanswered 2"),
    (f"for x in xs:\n    {ACCEPT}", "problem request-unanswered 0"),
    (f"while full():\n    break\nelse:\n    {ACCEPT}", "problem request-unanswered 0"),
    (f"match x:\n    case 'a':\n        {ACCEPT}", "problem request-unanswered 0"),
    (f"try:\n    parse()\n    {ACCEPT}\nexcept E:\n    pass", "problem request-unanswered 0"),
    (f"def later():\n    {ACCEPT}", "problem request-unanswered 0"),
    (f"if full:\n    raise E\n{ACCEPT}", "problem request-raises 2"),
    (f"try:\n    raise A\nexcept B:\n    {ACCEPT}", "problem request-raises 2"),
    ("request.accept()", "problem request-not-awaited 1"),
    ("asyncio.create_task(request.accept())", "problem request-not-awaited 1"),
    ("await request.accept(entrypoint)", "problem request-arguments 1"),
    (REJECT, "problem request-rejects 0"),
    (f"await asyncio.sleep(4)\n{ACCEPT}", "problem request-slow 1"),
    (f"time.sleep(3)\n{ACCEPT}", "problem request-slow 1"),
    (f"await load()\n{ACCEPT}", "warning request-slow 1"),
]


@pytest.mark.parametrize(("body", "expected"), HANDLERS)
def test_request_handlers(check: Check, body: str, expected: str) -> None:
    agent = "from .handlers import handle\n" + worker("request_fnc=handle")["a.py"]
    handlers = (
        f"async def handle(request):\n{indent(body, '    ')}\n"
        "async def answer(request): await request.accept()\n"
    )
    found = check({"app/agent.py": agent, "app/handlers.py": handlers})
    cause, _, line = expected.rpartition(" ")
    assert found == ([f"{cause} app/handlers.py:{int(line) + 1}"] if cause else ["ok"])


@pytest.mark.parametrize(
    "body",
    [
        "accept = request.accept\nawait accept()",
        "same = request\nawait same.accept()",
        "await getattr(request, 'accept')()",
        "await retry(lambda: request.accept())",
    ],
)
def test_a_handler_that_is_not_followed(check: Check, body: str, tmp_path: Path) -> None:
    handler = f"import livekit\nasync def handle(request):\n{indent(body, '    ')}\n"
    source = handler + "server.rtc_session(e, on_request=handle, agent_name='x')\n"
    assert check({"a.py": source}) == [
        "problem named-worker a.py:5" if "\n" in body else "problem named-worker a.py:4",
        "unread unreadable Could not read",
    ]
    assert "a.py:2 has a request handler that keeps accept()" in examine(tmp_path)[1].seen


def test_a_function_that_only_looks_at_the_request(check: Check) -> None:
    source = (
        "import livekit\nasync def look(request): return request.room.name == 'x'\n"
        f"async def handle(request):\n    if await look(request):\n        {ACCEPT}\n"
        "server.rtc_session(e, on_request=handle)\n"
    )
    assert check({"a.py": source}) == [
        "problem request-unanswered a.py:3",
        "warning request-slow a.py:4",
    ]


@pytest.mark.parametrize("body", ["return True", "request.accept()"])
def test_a_handler_that_is_not_a_coroutine(check: Check, body: str) -> None:
    source = f"import livekit\ndef f(request):\n    {body}\nserver.rtc_session(e, on_request=f)"
    assert check({"a.py": source}) == ["problem request-plain-def a.py:2"]


def test_a_cause_that_hides_others_comes_first(check: Check) -> None:
    found = check(worker("num_idle_processes=1, agent_name='x', namespace='y'"))
    causes = [finding.split()[1] for finding in found]
    assert causes == ["unknown-option", "named-worker", "idle-processes"]


def test_links_large_files_and_too_many_files_are_not_read(
    check: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = NAMED["a.py"]
    outside = tmp_path.with_name("outside.py")
    outside.write_text(named)
    (tmp_path / "link.py").symlink_to(outside)
    (tmp_path / "large.py").write_text(named + "#" * reader.FILE_LIMIT_BYTES)
    (tmp_path / "latin.py").write_bytes(b"# livekit \xe4")
    assert check(worker()) == ["unread unreadable Could not read"]
    monkeypatch.setattr(reader, "FILE_COUNT_LIMIT", 1)
    assert check({"b.py": named}) == ["unread unreadable Could not read"]


def test_no_value_but_the_name_is_quoted(check: Check, tmp_path: Path) -> None:
    check(worker() | {".env": "LIVEKIT_API_SECRET=s3cret\nLIVEKIT_AGENT_NAME=" + "x" * 200})
    finding, _ = examine(tmp_path)
    assert "s3cret" not in repr(finding)
    assert "x" * 100 in finding.seen
    assert "x" * 101 not in finding.seen


def test_a_folder_without_livekit(check: Check, tmp_path: Path) -> None:
    with pytest.raises(NothingToRead, match="mentions LiveKit"):
        check({"a.py": "print()"})
    with pytest.raises(NothingToRead, match="not a folder"):
        examine(tmp_path / "a.py")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes")
def test_pipes_and_circular_links_are_skipped(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".env")
    (tmp_path / "a.py").symlink_to("b.py")
    (tmp_path / "b.py").symlink_to("a.py")
    (tmp_path / "c.py").write_text("import livekit\n", encoding="utf-8")
    (only,) = examine(tmp_path)
    assert only.level == "ok"
