"""What people had when no agent came: their projects, and the right answer for each."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from livekit_doctor.project import examine

PROJECTS = Path(__file__).parent / "inputs" / "projects"
Files = Mapping[str, str]
Check = Callable[[Files], list[str]]

ANSWERS = {
    "dockerfile-no-subcommand": ["problem no-subcommand Dockerfile:5"],
    "other-language-asks": [],
    "agent-id-for-a-name": [
        "problem agent-id web/app-config.ts:4",
        "problem agent-id web/token.ts:8",
    ],
    "options-that-are-not/a": ["problem unknown-option worker.py:13"],
    "options-that-are-not/c": ["problem missing-name worker.py:3", "problem not-run worker.py:17"],
    "options-that-are-not/e": ["problem missing-name worker.py:2"],
    "imports-of-0x": ["problem old-api worker.py:1"],
    "node-request-handler": ["problem request-unanswered agent.ts:13"],
    "model-files-as-another-user": ["problem model-files-elsewhere Dockerfile:4"],
    "sip-rule": [
        "problem names-an-agent dispatch-rule.json:6",
        "problem names-an-agent without-wrapper.json:4",
    ],
    "noise-filter-of-the-cloud": [],
}


def found(folder: Path) -> list[str]:
    return [
        f"{finding.level} {finding.cause} {finding.seen.split(': ')[0]}"
        for finding in examine(folder)
        if finding.cause
    ]


@pytest.fixture
def check(tmp_path: Path) -> Check:
    def check(files: Files) -> list[str]:
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text, encoding="utf-8")
        return found(tmp_path)

    return check


@pytest.mark.parametrize(("folder", "answers"), ANSWERS.items())
def test_projects_of_users(folder: str, answers: list[str]) -> None:
    assert found(PROJECTS / folder) == answers


# --- what starts the worker ---

WORKER = (
    "from livekit.agents import AgentServer, cli\nserver = AgentServer()\n"
    "@server.rtc_session()\nasync def serve(ctx): ...\n"
    'if __name__ == "__main__":\n    cli.run_app(server)\n'
)
COMMANDS = [  # the last line of the Dockerfile
    ('CMD ["python", "worker.py", "start"]', ""),
    ("CMD python worker.py start", ""),
    ("CMD exec python -u worker.py start --log-level info", ""),
    ("CMD alembic upgrade head && uv run --frozen worker.py start", ""),
    ('ENTRYPOINT ["python", "worker.py"]\nCMD ["start"]', ""),
    ('ENTRYPOINT ["tini", "--", "python", "-m", "worker"]\nCMD ["start"]', ""),
    ('CMD ["sh", "-c", "python worker.py ${MODE:-start}"]', ""),
    ('CMD ["python", "-m", "livekit.agents", "start"]', ""),
    ('CMD ["python", "-m", "livekit.agents"]', "problem no-subcommand Dockerfile:4"),
    (
        'CMD ["python", "-m", "livekit.agents", "download-files"]',
        "problem wrong-subcommand Dockerfile:4",
    ),
    ('CMD ["./run.sh"]', ""),
    ('CMD ["supervisord"]', ""),
    ("CMD python worker.py", "problem no-subcommand Dockerfile:4"),
    ('CMD ["uv", "run", "python", "-u", "/srv/worker.py"]', "problem no-subcommand Dockerfile:4"),
    (
        'CMD ["uv", "run", "worker.py", "--log-level", "debug"]',
        "problem no-subcommand Dockerfile:4",
    ),
    ('CMD ["python", "-m", "worker"]', "problem no-subcommand Dockerfile:4"),
    ('ENTRYPOINT ["python"]\nCMD ["worker.py"]', "problem no-subcommand Dockerfile:5"),
    (
        'ENTRYPOINT ["tini", "--"]\nCMD ["python", "worker.py"]',
        "problem no-subcommand Dockerfile:5",
    ),
    ('CMD ["python", "worker.py", "console"]', "problem wrong-subcommand Dockerfile:4"),
    ('CMD ["python", "worker.py", "download-files"]', "problem wrong-subcommand Dockerfile:4"),
    ('CMD ["python", "worker.py", "serve"]', "problem wrong-subcommand Dockerfile:4"),
    ('CMD ["python", "worker.py", "dev"]', "warning dev-in-production Dockerfile:4"),
    ("CMD dockerize -wait tcp://db:5432 python -u worker.py start", ""),
    ("CMD dockerize -wait tcp://db:5432 python -u worker.py", "problem no-subcommand Dockerfile:4"),
    ("CMD gosu app python worker.py", "problem no-subcommand Dockerfile:4"),
    ('CMD su -c "python worker.py" app', "problem no-subcommand Dockerfile:4"),
    ("CMD if [ $A ]; then python worker.py start; else python worker.py dev; fi", ""),
    ("CMD echo python worker.py; exec python worker.py start", ""),
    ("CMD python health.py & exec livekit-agents", "warning worker-not-started Dockerfile:4"),
    ('CMD ["uvicorn", "api:app"]', "warning worker-not-started Dockerfile:4"),
]


@pytest.mark.parametrize(
    ("procfile", "expected"),
    [
        ("web: uvicorn api:app\nworker: python worker.py start", ""),
        ("worker: python worker.py dev", "warning dev-in-production Procfile:1"),
        ("web: fastapi dev\nworker: python worker.py dev", ""),  # for honcho or foreman
        (
            "livekit: livekit-server --dev\nworker: python worker.py",
            "problem no-subcommand Procfile:2",
        ),
    ],
)
def test_what_a_procfile_starts(check: Check, procfile: str, expected: str) -> None:
    answers = check({"worker.py": WORKER, "Procfile": procfile + "\n"})
    assert answers == ([expected] if expected else [])


@pytest.mark.parametrize(("last", "expected"), COMMANDS)
def test_what_an_image_starts(check: Check, last: str, expected: str) -> None:
    dockerfile = f"FROM python:3.13-slim\nWORKDIR /srv\nCOPY . .\n{last}\n"
    answers = check({"worker.py": WORKER, "Dockerfile": dockerfile})
    assert answers == ([expected] if expected else [])


PASSED = {
    "chart/templates/d.yaml": 'containers:\n- name: {{ .x }}\n  args: ["start"]\n',
    "chart/values.yaml": "name: {{ .x }}\nargs:\n  - start\n",
    "Makefile": "run:\n\tdocker run --rm agent start\n",
    "README.md": "Run it: `docker run agent start`\n",
    "task.json": '{"containerDefinitions": [{"command": ["start"]}]}',
    "main.tf": 'command = ["start"]\n',
}


def test_an_image_whose_arguments_are_given_elsewhere(check: Check, tmp_path: Path) -> None:
    image = 'FROM python:3.13-slim\nCOPY . .\nENTRYPOINT ["python", "worker.py"]\n'
    files = {"worker.py": WORKER, "Dockerfile": image}
    for name, text in PASSED.items():
        assert check({**files, name: text}) == [], name
        (tmp_path / name).unlink()
    unrelated = {"Makefile": "run:\n\tnpm run start\n\tdocker run agent\n"}
    assert check({**files, **unrelated}) == ["warning no-subcommand Dockerfile:3"]
    shell = {"Dockerfile": image.replace('["python", "worker.py"]', "python worker.py")}
    assert check({**files, **shell}) == ["problem no-subcommand Dockerfile:3"]


OTHER_STARTS = [
    (
        "Procfile",
        "web: uvicorn api:app\nworker: python worker.py",
        "problem no-subcommand Procfile:2",
    ),
    ("Procfile", "worker: python worker.py start", ""),
    (
        "compose.yaml",
        "services:\n  agent:\n    build: .\n    command: python worker.py\n",
        "problem no-subcommand compose.yaml:4",
    ),
    (
        "compose.yaml",
        'services:\n  agent:\n    build: .\n    command: ["python", "worker.py", "start"]\n',
        "",
    ),
    (
        "compose.yaml",
        "services:\n  a:\n    entrypoint: python worker.py\n    command: [start]\n",
        "",
    ),
    (
        "compose.yaml",
        "services:\n  a:\n    entrypoint: [python]\n    command: worker.py\n",
        "problem no-subcommand compose.yaml:4",
    ),
    (
        "start.sh",
        "python worker.py download-files\nexec python worker.py\n",
        "problem no-subcommand start.sh:2",
    ),
    ("compose.yaml", "services:\n  agent:\n    build: .\n    command: python worker.py dev\n", ""),
    ("fly.toml", "[processes]\nagent = 'python worker.py'\n", "problem no-subcommand fly.toml:2"),
    (
        "render.yaml",
        "services:\n- type: worker\n  startCommand: python worker.py\n",
        "problem no-subcommand render.yaml:3",
    ),
    (
        "k8s.yaml",
        "kind: Deployment\nspec:\n  template:\n    spec:\n      containers:\n      - name: a\n"
        "        command: [python]\n        args: [worker.py]\n",
        "problem no-subcommand k8s.yaml:7",
    ),
    (
        "agent.service",
        "[Service]\nExecStart=/srv/.venv/bin/python /srv/worker.py\n",
        "problem no-subcommand agent.service:2",
    ),
    (
        "supervisord.conf",
        "[program:a]\ncommand=python worker.py\n",
        "problem no-subcommand supervisord.conf:2",
    ),
    (
        "start.sh",
        "nohup python worker.py > worker.log 2>&1 &\n",
        "problem no-subcommand start.sh:1",
    ),
    ("start.sh", "nohup python worker.py start > worker.log 2>&1 &\n", ""),
    ("start.sh", "#!/bin/sh\nset -e\npython worker.py\n", "problem no-subcommand start.sh:3"),
    ("start.sh", '#!/bin/sh\nexec python worker.py "$@"\n', ""),
    (
        "railway.json",
        '{"deploy": {"startCommand": "python worker.py"}}',
        "problem no-subcommand railway.json:1",
    ),
]


@pytest.mark.parametrize(("file", "text", "expected"), OTHER_STARTS)
def test_other_files_that_start_it(check: Check, file: str, text: str, expected: str) -> None:
    assert check({"worker.py": WORKER, file: text}) == ([expected] if expected else [])


def test_a_command_elsewhere_replaces_that_of_the_image(check: Check) -> None:
    files = {"worker.py": WORKER, "Dockerfile": 'FROM python\nENTRYPOINT ["python", "worker.py"]\n'}
    assert check(files) == ["warning no-subcommand Dockerfile:2"]
    compose = "services:\n  agent:\n    build: .\n    command: start\n"
    assert check({**files, "compose.yaml": compose}) == []


NODE = (
    "import { cli, ServerOptions } from '@livekit/agents';\n"
    "cli.runApp(new ServerOptions({ agent: import.meta.filename }));\n"
)
PACKAGES = [
    ('"start": "node dist/agent.js start"', ""),
    ('"start": "node dist/agent.js"', "problem no-subcommand package.json:1"),
    ('"start": "tsx --env-file=.env src/agent.ts"', "problem no-subcommand package.json:1"),
    ('"dev": "concurrently \\"next dev\\" \\"tsx src/agent.ts dev\\""', ""),
    (
        '"dev": "concurrently \\"next dev\\" \\"tsx src/agent.ts\\""',
        "problem no-subcommand package.json:1",
    ),
    ('"start": "deno run -A src/agent.ts"', "problem no-subcommand package.json:1"),
    ('"start": "cross-env A=1 node dist/agent.js"', "problem no-subcommand package.json:1"),
    ('"agents": "tsx src/agent.ts"', ""),  # may get its command from whoever calls it
]


@pytest.mark.parametrize(("script", "expected"), PACKAGES)
def test_scripts_of_a_package(check: Check, script: str, expected: str) -> None:
    package = f'{{"dependencies": {{"@livekit/agents": "^1.2.0"}}, "scripts": {{{script}}}}}'
    answers = check({"src/agent.ts": NODE, "package.json": package})
    assert answers == ([expected] if expected else [])


def test_a_plugin_of_node_that_is_not_installed(check: Check) -> None:
    plugin = "import {\n  turnDetector,\n} from '@livekit/agents-plugin-livekit';\n"
    package = '{"dependencies": {"@livekit/agents": "^1.2.0"%s}}'
    files = {"src/agent.ts": plugin + NODE, "package.json": package % ""}
    assert check(files) == ["problem missing-plugin src/agent.ts:3"]
    asked = package % ', "@livekit/agents-plugin-livekit": "^1.2.0"'
    assert check({**files, "package.json": asked}) == []


def test_node_code_of_0x(check: Check) -> None:
    code = "import {\n  cli,\n  pipeline,\n} from '@livekit/agents';\n"
    package = '{"dependencies": {"@livekit/agents": "%s"}}'
    files = {"a.ts": code + NODE.partition("\n")[2]}
    assert check({**files, "package.json": package % "^0.7.0"}) == []
    assert check({**files, "package.json": package % "^1.2.0"}) == ["problem old-api a.ts:3"]


NODE_HANDLERS = [  # the body of requestFunc, and whether it always answers
    ("await request.accept();", True),
    ("request.accept().catch(console.error);", True),
    ("return request.accept('name', 'identity');", True),
    ("if (full()) { await request.reject(); return; }\nawait request.accept();", True),
    ("if (full()) await request.reject(); else await request.accept();", True),
    ("try { await check(); } catch (e) { console.log(e); }\nawait request.accept();", True),
    (
        "switch (x) { case 1: case 2: await request.reject(); break; default: await request.accept(); }",
        True,
    ),
    ("switch (x) { case 1: if (y) break; default: log(x); }\nawait request.accept();", True),
    ("switch (x) { default: log(x); case 1: await request.accept(); }", True),
    ("for (;;) { switch (x) { case 1: continue; default: } await request.accept(); break; }", True),
    ("later: { if (x) break later; log(x); }\nawait request.accept();", True),
    ("await decide(request);", True),
    ("while (true) { if (free()) { await request.accept(); break; } }", True),
    ("await limited(() => request.accept(), 1000);", True),
    ("console.log(request.id);", False),
    ("return true;", False),
    ("if (ok) await request.accept();", False),
    ("ok && (await request.accept());", False),
    ("switch (x) { case 1: await request.accept(); }", False),
    ("switch (x) { case 1: if (y) break; default: await request.accept(); }", False),
    ("try { await check(); await request.accept(); } catch (e) { console.log(e); }", False),
    ("if (!ok) throw new Error('no');\nawait request.accept();", False),
    ("for (const x of xs) { await request.accept(); }", False),
    ("setTimeout(() => request.accept(), 10);", False),
    ("await new Promise((done) => setTimeout(done, 5000));\nawait request.accept();", False),
]


@pytest.mark.parametrize(("body", "answers"), NODE_HANDLERS)
def test_request_handlers_in_node(check: Check, body: str, answers: bool) -> None:
    function = f"async (request: JobRequest) => {{\n{body}\n}}"
    given = [("requestFunc: %s", ""), ("requestFunc: handle", f"const handle = {function};\n")]
    for option, before in given:
        option = option % function if "%s" in option else option
        source = NODE.replace("agent:", f"{option}, agent:")
        found_causes = check({"a.ts": before + source})
        assert all(" request-" in cause for cause in found_causes)
        assert any("problem" in cause for cause in found_causes) != answers


SCRIPT = '[project.scripts]\nserve = "bot.main:main"\n'
IN_PACKAGE = {
    "bot/__init__.py": "",
    "bot/main.py": WORKER.replace('if __name__ == "__main__":', "def main():"),
}


@pytest.mark.parametrize(
    ("pyproject", "command", "expected"),
    [
        (SCRIPT, "serve start", ""),
        (SCRIPT, "uv run serve", "problem no-subcommand Procfile:1"),
        (
            SCRIPT.replace("project", "tool.poetry"),
            "poetry run serve",
            "problem no-subcommand Procfile:1",
        ),
        (SCRIPT, "uv run other", ""),
        # Files of other tools, or damaged ones: they define no commands.
        ('project = "x"\n', "serve start", ""),
        ("tool = 3\n", "serve start", ""),
        ('[project]\nscripts = ["serve"]\n', "serve start", ""),
        ("[project\n", "serve start", ""),
    ],
)
def test_commands_that_a_project_defines(
    check: Check, pyproject: str, command: str, expected: str
) -> None:
    files = {**IN_PACKAGE, "pyproject.toml": pyproject, "Procfile": f"worker: {command}\n"}
    assert check(files) == ([expected] if expected else [])


DEFINITIONS = WORKER.partition("if __name__")[0]
SCRIPTS = [  # the file that is started, what else there is, the command, and the answer
    ("from .tools import x\n" + WORKER, {}, "python worker.py start", "import-failed worker.py:1"),
    ("from .tools import x\n" + WORKER, {}, "python -m worker start", ""),
    ("try:\n    from .tools import x\nexcept ImportError:\n    pass\n" + WORKER, {}, "python worker.py start", ""),
    (DEFINITIONS, {}, "python worker.py start", "not-run Procfile:1"),
    (DEFINITIONS + "serve_forever(server)\n", {}, "python worker.py start", ""),
    ("from run import go\n" + DEFINITIONS, {"run.py": WORKER}, "python worker.py start", ""),
    (DEFINITIONS, {}, "python -m livekit.agents start", ""),
    (WORKER, {"livekit.py": ""}, "python worker.py start", "import-failed livekit.py:1"),
    (WORKER, {"livekit/__init__.py": ""}, "python worker.py start", "import-failed livekit/__init__.py:1"),
    (WORKER, {"livekit/config.yaml": "port: 1\n", "app/livekit.py": ""}, "python worker.py start", ""),
]  # fmt: skip


@pytest.mark.parametrize(("code", "others", "command", "expected"), SCRIPTS)
def test_programs_that_end_at_once(
    check: Check, code: str, others: Files, command: str, expected: str
) -> None:
    answers = check({"worker.py": code, **others, "Procfile": f"worker: {command}\n"})
    assert answers == ([f"problem {expected}"] if expected else [])


RECIPES = [
    ("run:\n\t@uv run worker.py\n", "problem no-subcommand FILE:2"),
    ("run:\n\t$(PYTHON) worker.py $(MODE)\n\tpython worker.py --help\n\tmypy worker.py\n", ""),
    ("run mode:\n    uv run worker.py {{mode}}\n", ""),
    ("run:\n\tpython worker.py \\\n\t\tdev\n", ""),
]


@pytest.mark.parametrize("file", ["Makefile", "justfile"])
@pytest.mark.parametrize(("recipes", "expected"), RECIPES)
def test_recipes(check: Check, file: str, recipes: str, expected: str) -> None:
    answers = check({"worker.py": WORKER, file: recipes})
    assert answers == ([expected.replace("FILE", file)] if expected else [])


@pytest.mark.parametrize(
    "body",
    [
        "const { accept } = request;\nawait accept();",
        "const f = request.accept.bind(request);\nf();",
    ],
)
def test_a_handler_in_node_that_is_not_followed(check: Check, body: str) -> None:
    source = NODE.replace("agent:", f"requestFunc: async (request) => {{\n{body}\n}}, agent:")
    assert check({"a.ts": source}) == ["unread unreadable Could not read"]


PORTS = [
    ("Procfile", "a: python a.py start\nb: python b.py start\n", "warning port-taken Procfile:2"),
    ("run.sh", "python a.py start &\npython b.py start\n", "problem port-taken run.sh:2"),
    (
        "supervisord.conf",
        "command=python a.py start\ncommand=python b.py start",
        "problem port-taken supervisord.conf:2",
    ),
    (
        "compose.yaml",
        "services:\n  a:\n    command: python a.py start\n    network_mode: host\n"
        "  b:\n    command: python b.py start\n    network_mode: host\n",
        "problem port-taken compose.yaml:6",
    ),
    (
        "compose.yaml",
        "services:\n  a:\n    command: python a.py start\n  b:\n    command: python b.py start\n",
        "",
    ),
    ("Procfile", "a: python a.py dev\nb: python b.py dev\n", ""),
]


@pytest.mark.parametrize(("file", "text", "expected"), PORTS)
def test_workers_on_one_port(check: Check, file: str, text: str, expected: str) -> None:
    answers = check({"a.py": WORKER, "b.py": WORKER, file: text})
    assert [a for a in answers if "dev-in" not in a] == ([expected] if expected else [])
    if expected:
        own = WORKER.replace("AgentServer()", "AgentServer(port=0)")
        assert check({"b.py": own, file: text}) == []


# --- model files ---

DETECTOR = "from livekit.plugins.turn_detector.multilingual import MultilingualModel\n" + WORKER
BASE = "FROM python:3.13-slim\nWORKDIR /srv\nCOPY . .\n"
START = 'CMD ["python", "worker.py", "start"]\n'
DOWNLOAD = "RUN python worker.py download-files\n"
USER = "RUN useradd -m agent\nUSER agent\n"
MODELS = [
    (BASE + DOWNLOAD + START, ""),
    (BASE + USER + DOWNLOAD + START, ""),
    (BASE + "ENV HF_HOME=/opt/hf\n" + DOWNLOAD + USER + START, ""),
    (BASE + "ENV HOME=/srv\n" + DOWNLOAD + USER + START, ""),
    (BASE + "CMD python worker.py download-files && python worker.py start\n", ""),
    (BASE + USER + "COPY --chown=agent .cache /home/agent/.cache\n" + START, ""),
    (
        BASE.replace("slim", "slim AS build")
        + DOWNLOAD
        + "FROM python:3.13-slim\n"
        + USER
        + "COPY --from=build /root/.cache /home/agent/.cache\n"
        + START,
        "",
    ),
    (BASE.replace("slim", "slim AS build") + DOWNLOAD + "FROM build\n" + START, ""),
    (BASE + START, "problem model-files-missing Dockerfile:4"),
    (BASE + DOWNLOAD + USER + START, "problem model-files-elsewhere Dockerfile:4"),
    (BASE + DOWNLOAD + "USER 1001\n" + START, "problem model-files-elsewhere Dockerfile:4"),
    (
        BASE + DOWNLOAD + "ENV HF_HOME=/opt/hf\n" + START,
        "problem model-files-elsewhere Dockerfile:4",
    ),
    (
        BASE.replace("slim", "slim AS build")
        + DOWNLOAD
        + "FROM python:3.13-slim\nCOPY --from=build /srv /srv\n"
        + START,
        "problem model-files-elsewhere Dockerfile:4",
    ),
    (
        BASE
        + "RUN --mount=type=cache,target=/root/.cache python worker.py download-files\n"
        + START,
        "problem model-files-elsewhere Dockerfile:4",
    ),
    (
        BASE
        + "RUN --mount=type=cache,target=/root/.cache/uv python worker.py download-files\n"
        + START,
        "",
    ),
]


@pytest.mark.parametrize(("dockerfile", "expected"), MODELS)
def test_model_files(check: Check, dockerfile: str, expected: str) -> None:
    answers = check({"worker.py": DETECTOR, "Dockerfile": dockerfile})
    assert answers == ([expected] if expected else [])


NODE_DETECTOR = (
    "import * as livekit from '@livekit/agents-plugin-livekit';\n"
    "new livekit.turnDetector.MultilingualModel();\n" + NODE
)
NODE_IMAGE = 'FROM node:22-slim\nCOPY . .\nRUN npm ci && npm run build\n%sCMD ["node", "agent.js", "start"]\n'


@pytest.mark.parametrize(
    ("run", "script", "expected"),
    [
        ("", "", "problem model-files-missing Dockerfile:4"),
        ("", '"postbuild": "node agent.js download-files"', ""),
        ("RUN node agent.js download-files\n", "", ""),
        (
            "RUN npm run download-files\nUSER node\n",
            "",
            "problem model-files-elsewhere Dockerfile:4",
        ),
    ],
)
def test_model_files_of_node(check: Check, run: str, script: str, expected: str) -> None:
    package = (
        '{"dependencies": {"@livekit/agents": "^1.2.0", "@livekit/agents-plugin-livekit": "^1"}, '
        f'"scripts": {{{script}}}}}'
    )
    files = {"agent.js": NODE_DETECTOR, "package.json": package, "Dockerfile": NODE_IMAGE % run}
    assert check(files) == ([expected] if expected else [])


# --- names that are not an argument ---

NAMED_LATER = [
    "opts = WorkerOptions(entrypoint_fnc=e)\n    opts.agent_name = 'bot'",
    "opts: WorkerOptions = WorkerOptions(e)\n    setattr(opts, 'agent_name', 'bot')",
    "opts = WorkerOptions(e)\n    opts = replace(opts, agent_name='bot')",
    "self.opts = WorkerOptions(e)\n    self.opts.agent_name = 'bot'\n    opts = self.opts",
    "opts = WorkerOptions(**OPTIONS)",
    "opts = WorkerOptions(**MADE)",
]


@pytest.mark.parametrize("made", NAMED_LATER)
def test_a_worker_that_is_named_in_another_way(check: Check, made: str) -> None:
    worker = (
        "from dataclasses import replace\nfrom livekit.agents import WorkerOptions, cli\n"
        "async def e(ctx): ...\n"
        "OPTIONS = {'entrypoint_fnc': e, 'agent_name': 'bot'}\n"
        "MADE = dict(entrypoint_fnc=e, agent_name='bot')\n"
        f'if __name__ == "__main__":\n    {made}\n    cli.run_app(opts)\n'
    )
    token = "from livekit import api\napi.RoomAgentDispatch(agent_name='NAME')\n"
    assert check({"a.py": worker, "t.py": token.replace("NAME", "bot")}) == []
    answers = check({"a.py": worker, "t.py": token.replace("NAME", "bott")})
    assert answers == ["problem names-differ t.py:2"]


@pytest.mark.parametrize(
    "code",
    [
        "server = AgentServer()\nserver.rtc_session(e)\nserver._agent_name = 'bot'\n",
        "from made import opts\nopts.agent_name = 'bot'\n",
        "def name(opts: WorkerOptions): opts.agent_name = 'bot'\nname(WorkerOptions(e))\n",
    ],
)
def test_a_worker_that_is_named_out_of_sight(check: Check, code: str) -> None:
    start = "from livekit.agents import AgentServer, WorkerOptions\nasync def e(ctx): ...\n"
    token = "from livekit import api\napi.RoomAgentDispatch(agent_name='bot')\n"
    files = {"made.py": f"{start}opts = WorkerOptions(e)\n", "a.py": start + code}
    assert check({**files, "t.py": token}) == []
    (answer,) = check({**files, "t.py": "import livekit\n"})
    assert answer.startswith("warning named-worker a.py:")


NODE_NAMES = [  # what makes the options, what is given to ServerOptions, and with a token for "bot"
    ("const o = new ServerOptions({ agent });\no.agentName = 'bot';\n", "{ agent }", ""),
    ("const o = { agent, agentName: 'bot' };\n", "o", ""),
    ("const o = { agent, agentName: 'bott' };\n", "o", "problem names-differ t.ts:2"),
    ("", "{ agent }", "problem names-an-agent t.ts:2"),
    ("", "load()", "unread unreadable Could not read"),
]


@pytest.mark.parametrize(("before", "options", "expected"), NODE_NAMES)
def test_names_of_workers_in_node(check: Check, before: str, options: str, expected: str) -> None:
    start = "import { ServerOptions } from '@livekit/agents';\n"
    worker = f"{start}{before}cli.runApp(new ServerOptions({options}));\n"
    token = (
        "import { RoomAgentDispatch } from 'livekit-server-sdk';\n"
        "new RoomAgentDispatch({ agentName: 'bot' });\n"
    )
    answers = check({"w.ts": worker, "t.ts": token})
    assert answers == ([expected] if expected else [])


@pytest.mark.parametrize(
    "before",
    [
        "const clean = (s) => s.replace(/[/*]/g, '').replace(/\\/*$/, '');\n",
        "const text = <p>All of /api/* and don't</p>;\n",
        "/** new RoomAgentDispatch({ agentName: 'x' }) */\n",
        "// new RoomAgentDispatch({ agentName: 'x' })\n",
        "const url = 'https://a'; const quote = '\\''; const other = /\\\"/;\n",
    ],
)
def test_what_looks_like_a_comment_in_javascript(check: Check, before: str) -> None:
    token = "new RoomAgentDispatch({ agentName: 'concierge' }); // livekit\n"
    assert check({**NAMED, "t.tsx": before + token}) == []


def test_options_that_cannot_be_read(check: Check, tmp_path: Path) -> None:
    worker = (
        "from livekit.agents import WorkerOptions, cli\n"
        'if __name__ == "__main__":\n    cli.run_app(WorkerOptions(**load()))\n'
    )
    assert check({"a.py": worker}) == ["unread unreadable Could not read"]
    assert "a.py:3 hides options of WorkerOptions in **load()" in examine(tmp_path)[0].seen
    token = "from livekit import api\napi.RoomAgentDispatch(agent_name='bot')\n"
    other = {"b.py": "from made import load\n" + worker.replace("**load()", "load")}
    answers = check({"a.py": worker, "t.py": token, **other})
    assert answers == ["warning names-an-agent t.py:2", "unread unreadable Could not read"]
    (tmp_path / "b.py").unlink()
    (tmp_path / "t.py").unlink()
    named = worker.replace("**load()", "agent_name='', **load()")
    assert check({"a.py": named}) == []


def test_a_name_under_a_condition_is_only_a_warning(check: Check) -> None:
    worker = WORKER.replace("@server.rtc_session()\n", "").replace(
        "if __name__",
        "if TEST:\n    server.rtc_session(serve)\n"
        "else:\n    server.rtc_session(serve, agent_name='x')\nif __name__",
    )
    assert check({"worker.py": worker}) == ["warning named-worker worker.py:7"]


@pytest.mark.parametrize(
    "worker",
    [
        "WorkerOptions(entrypoint_fnc=e())",
        "WorkerOptions(e())",
        "WorkerOptions(e, request_fnc=e())",
        "server.rtc_session(e())",
    ],
)
def test_a_function_that_is_called_instead_of_passed(check: Check, worker: str) -> None:
    code = f"from livekit.agents import *\nasync def e(ctx): ...\nx = {worker}\n"
    assert check({"a.py": code}) == ["problem entrypoint-called a.py:3"]
    factory = code.replace("async def e(ctx): ...", "def e():\n    return somewhere.serve")
    assert check({"a.py": factory}) == []


MEMBERS = {  # what gives the name NAME, and the expression for it
    "enum": ("from enum import StrEnum\nclass C(StrEnum):\n    A = 'NAME'\n", "C.A"),
    "value": ("from enum import Enum\nclass C(Enum):\n    A = 'NAME'\n", "C.A.value"),
    "class": ("class C:\n    A = 'NAME'\n", "C.A"),
    "instance": ("class C:\n    A: str = 'NAME'\nc = C()\n", "c.A"),
}
SETTINGS = {
    "pydantic": ("class C(BaseSettings):\n    a: str = 'NAME'\nc = C()\n", "c.a"),
    "field": (
        "class C(BaseSettings):\n    a: str = Field('NAME', alias='NAME_OF')\nc = C()\n",
        "c.a",
    ),
    "getter": ("class C(BaseSettings):\n    a: str = 'NAME'\ndef c(): return C()\n", "c().a"),
    "prefix": (
        "class C(BaseSettings):\n    model_config = dict(env_prefix='x')\n    a = 'NAME'\nc = C()\n",
        "c.a",
    ),
    "dataclass": ("@dataclass\nclass C:\n    a: str = 'NAME'\nc = C()\n", "c.a"),
}


@pytest.mark.parametrize("kind", [*MEMBERS, *SETTINGS])
def test_names_in_classes(check: Check, kind: str) -> None:
    made, name = (MEMBERS | SETTINGS)[kind]
    start = "from config import C" + (", c" if name[0] == "c" else "") + "\n"
    worker = start + WORKER.replace("rtc_session()", f"rtc_session(agent_name={name})")
    token = "from livekit import api\napi.RoomAgentDispatch(agent_name='bot')\n"
    files = {"worker.py": worker, "t.py": token}
    assert check({**files, "config.py": made.replace("NAME'", "bot'")}) == []
    answers = check({**files, "config.py": made.replace("NAME'", "other'")})
    level = "problem" if kind in MEMBERS else "warning"
    assert answers == [f"{level} names-differ t.py:2"]


REQUESTS = {
    "a.py": "from livekit.api import *\nd = RoomAgentDispatch()\nd.agent_name = 'NAME'\n",
    "b.py": "from livekit.api import *\nconfig = RoomConfiguration()\nconfig.agents.add(agent_name='NAME')\n",
    "c.py": "from livekit.api import *\nd = config.agents.add()\nd.agent_name = 'NAME'\n",
    "d.py": "from livekit.api import *\nd = {'agent_name': 'NAME'}\nCreateAgentDispatchRequest(**d)\n",
    "a.ts": "import 'livekit-server-sdk';\nconst d = new RoomAgentDispatch();\nd.agentName = 'NAME';\n",
    "b.ts": "import { AGENTS } from './c';\nnew RoomAgentDispatch({ agentName: AGENTS.main }); // livekit\n",
    "c.ts": "enum Bot { Main = 'NAME' }\nnew RoomAgentDispatch({ agentName: Bot.Main }); // livekit\n",
    "d.vue": "const source = TokenSource.endpoint('/livekit');\nsource.fetch({ agentName: 'NAME' });\n",
}
AGENTS = "export const AGENTS = { main: 'NAME' } as const;\n"


@pytest.mark.parametrize("file", REQUESTS)
def test_requests_in_other_spellings(check: Check, file: str) -> None:
    for name, answer in (("concierge", ""), ("concierg", "names-differ")):
        asking = {file: REQUESTS[file].replace("NAME", name)}
        if file == "b.ts":
            asking["c.ts"] = AGENTS.replace("NAME", name)
        answers = check({**NAMED, **asking})
        assert [a.split()[1] for a in answers] == ([answer] if answer else [])


UNKNOWN_SPELLINGS = {
    "a.py": "from livekit import api\nd = api.RoomAgentDispatch()\nsetattr(d, 'agent_name', 'concierge')\n",
    "a.ts": '// livekit\nat.roomConfig = RoomConfiguration.fromJsonString(\'{"a": ["concierge"]}\');\n',
    "b.ts": "import { AccessToken } from 'livekit-server-sdk';\nfor_agent(new AccessToken(), 'concierge');\n",
}


@pytest.mark.parametrize("file", UNKNOWN_SPELLINGS)
def test_a_name_beside_what_makes_tokens_may_be_a_request(check: Check, file: str) -> None:
    assert check({**NAMED, file: UNKNOWN_SPELLINGS[file]}) == []
    other = UNKNOWN_SPELLINGS[file].replace("concierge", "x")
    assert check({**NAMED, file: other}) == ["problem named-worker agent/worker.py:3"]


def test_a_name_in_other_code_is_only_a_warning(check: Check) -> None:
    client = {"t.py": "from livekit import rtc\njoin(room, 'concierge')\n"}
    assert check({**NAMED, **client}) == ["warning named-worker agent/worker.py:3"]


ROUTE = "// livekit\nat.roomConfig = new RoomConfiguration({ agents: [{ agentName }] });\n"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("'concierge'", ""),
        ("process.env.AGENT", ""),
        ("'consierge'", "warning names-differ web/app-config.ts:3"),
        ("undefined", "warning named-worker web/app-config.ts:3"),
    ],
)
def test_settings_of_a_client(check: Check, name: str, expected: str) -> None:
    settings = f"// livekit\nexport const APP_CONFIG_DEFAULTS = {{\n  agentName: {name},\n}};\n"
    client = {"web/route.ts": ROUTE, "web/app-config.ts": settings}
    assert check({**NAMED, **client}) == ([expected] if expected else [])
    of_a_page = settings.replace("APP_CONFIG_DEFAULTS", "CALLER")
    assert check({**NAMED, **client, "web/app-config.ts": of_a_page}) == []


def test_an_option_of_python_in_node(check: Check) -> None:
    worker = NODE.replace("({", "({ agent_name: 'bot',")
    assert check({"a.ts": worker}) == ["problem unknown-option a.ts:2"]
    token = "// livekit\nnew RoomAgentDispatch({ agent_name: 'bot' });\n"
    assert check({"a.ts": NODE, "t.ts": token}) == ["problem unknown-option t.ts:2"]


NODE_AGENTS = [
    ("export default defineAgent({ entry: async (ctx) => {} });\n", ""),
    ("const a = defineAgent({ ...base });\nexport { a as default };\n", ""),
    ("export const a = defineAgent({ entry: serve });\n", "problem no-entry a.ts:1"),
    ("export default defineAgent({ entrypoint: serve });\n", "problem no-entry a.ts:1"),
]


@pytest.mark.parametrize(("agent", "expected"), NODE_AGENTS)
def test_the_agent_of_a_worker_in_node(check: Check, agent: str, expected: str) -> None:
    assert check({"a.ts": agent + NODE}) == ([expected] if expected else [])


# --- other languages ---

UNNAMED = {"agent/worker.py": WORKER}
NAMED = {"agent/worker.py": WORKER.replace("rtc_session()", "rtc_session(agent_name='concierge')")}
CLIENTS = {
    "ios/A.swift": 'import LiveKit\nlet o = TokenRequestOptions(roomName: "a", agentName: "NAME")\n',
    "ios/B.swift": 'import LiveKit\nlet agentName: String? = "NAME"\nroom.connect(agentName: agentName)\n',
    "android/A.kt": 'import io.livekit.android.token.TokenRequestOptions\nval o = TokenRequestOptions(agentName = "NAME")\n',
    "android/A.java": 'import io.livekit.server.AccessToken;\nRoomAgentDispatch.newBuilder().setAgentName("NAME").build();\n',
    "flutter/a.dart": "import 'package:livekit_client/livekit_client.dart';\nfinal o = TokenRequestOptions(agentName: 'NAME');\n",
    "go/a.go": 'package a // livekit\nvar d = &livekit.RoomAgentDispatch{AgentName: "NAME"}\n',
    "go/b.go": 'package a // livekit\nconst name = "NAME"\nvar d = &livekit.CreateAgentDispatchRequest{AgentName: name}\n',
    "php/a.php": "<?php use Agence104\\LiveKit\\AccessToken;\n$d = (new RoomAgentDispatch())->setAgentName('NAME');\n",
    "php/b.php": "<?php // livekit\n$d = new RoomAgentDispatch(['agent_name' => 'NAME']);\n",
    "ruby/a.rb": 'require "livekit"\nLiveKit::Proto::RoomAgentDispatch.new(agent_name: "NAME")\n',
    "ruby/b.rb": "require 'livekit'\nx = { room_config: { agents: [{ :agent_name => 'NAME' }] } }\n",
    "csharp/a.cs": 'using Livekit.Server.Sdk.Dotnet;\nvar d = new RoomAgentDispatch { AgentName = "NAME" };\n',
    "rust/a.rs": 'use livekit_api::access_token;\nRoomAgentDispatch { agent_name: "NAME".to_string() }\n',
    "rust/b.rs": 'use livekit_api;\nlet d = RoomAgentDispatch { agent_name: String::from("NAME") };\n',
    "android/B.java": 'import io.livekit.server.*;\nTokenRequestOptions.builder().agentName("NAME").build();\n',
    "csharp/b.cs": 'using Livekit;\nconst string Agent = "NAME";\nvar d = new RoomAgentDispatch { AgentName = Agent };\n',
    "kotlin/b.kt": 'import io.livekit.*\nval d = RoomAgentDispatch.newBuilder().apply { agentName = "NAME" }.build()\n',
    "ios/C.swift": 'import LiveKit\nlet s = Session.withAgent("NAME", tokenSource: source)\n',
    "ios/D.swift": 'import LiveKit\nlet options = TokenRequestOptions()\noptions.agentName = "NAME"\n',
    "flutter/b.dart": "import 'package:livekit_client/livekit_client.dart';\nconst bot = 'NAME';\nfinal s = sdk.Session.withAgent(\n  bot, tokenSource: t);\n",
    "android/C.java": 'import io.livekit.server.*;\nRoomAgentDispatch.newBuilder()\n    .setMetadata(f(a, b))\n    .setAgentName("NAME");\n',
    "csharp/c.cs": 'using Livekit;\nawait c.CreateDispatch(new CreateAgentDispatchRequest { AgentName = "NAME", Room = "r" });\n',
    "rust/c.rs": 'use livekit_api;\nconst BOT: &str = "NAME";\nlet d = RoomAgentDispatch { agent_name: BOT.to_owned() };\n',
    "php/c.php": "<?php // livekit\nclass T {\n  const BOT = 'NAME';\n  function t() { return (new RoomAgentDispatch())->setAgentName(self::BOT); }\n}\n",
    "php/d.php": "<?php // livekit\n$name = 'NAME';\n$d = (new RoomAgentDispatch())->setAgentName($name);\n",
    "elixir/a.ex": 'alias Livekit.RoomAgentDispatch\ndef t, do: %RoomAgentDispatch{agent_name: "NAME"}\n',
    "call2.sh": 'curl $URL/twirp/livekit.AgentDispatchService/CreateDispatch -d \'{"agent_name":"NAME"}\'\n',
    "Makefile": 'call:\n\tcurl -d "{\\"agent_name\\": \\"NAME\\"}" $(URL)/livekit.AgentDispatchService/CreateDispatch\n',
    "cpp/a.cpp": '#include <livekit/livekit.h>\nRoomAgentDispatch dispatch;\ndispatch.set_agent_name("NAME");\n',
    "call.sh": "lk dispatch create --room a --agent-name NAME\n",
    "README.md": "Call it: `lk dispatch create --new-room --agent-name NAME`\n",
    "rule.json": '{"rule": {}, "room_config": {"agents": [{"agent_name": "NAME"}]}}',
    "notes.ipynb": '{"cells": [{"cell_type": "code", "source": ["!pip install livekit-api\\n",'
    ' "from livekit import api\\n", "api.RoomAgentDispatch(agent_name=\'NAME\')\\n"]}]}',
}


@pytest.mark.parametrize("file", CLIENTS)
def test_clients_in_other_languages(check: Check, file: str, tmp_path: Path) -> None:
    client = CLIENTS[file]
    assert check({**NAMED, file: client.replace("NAME", "concierge")}) == []
    if file == "README.md":
        return  # an example, maybe of another name
    answers = check({**NAMED, file: client.replace("NAME", "Concierge")})
    assert {answer.rpartition(":")[0] for answer in answers} == {f"problem names-differ {file}"}
    answers = check({**UNNAMED, file: client.replace("NAME", "x")})
    # A room that a dispatch opens gets the unnamed worker, too.
    level = "warning" if file in ("call.sh", "call2.sh", "Makefile") else "problem"
    assert {answer.rpartition(":")[0] for answer in answers} == {f"{level} names-an-agent {file}"}
    shutil.rmtree(tmp_path / "agent")
    if "livekit" in client.lower():
        answers = found(tmp_path)
        assert {a.rpartition(":")[0] for a in answers} == {f"ok asked-elsewhere {file}"}


def test_a_plugin_may_be_in_the_readme(check: Check) -> None:
    code = "from livekit.agents import cli\nfrom livekit.plugins import google\n"
    project = '[project]\nname = "a"\ndependencies = ["livekit-agents>=1.8"]\n'
    files = {"pyproject.toml": project, "examples/a.py": code}
    assert check(files) == ["problem missing-plugin examples/a.py:2"]
    for command in (
        "uv run --with 'livekit-agents[google]' a.py",
        "pip install livekit-plugins-google",
    ):
        assert check({**files, "README.md": f"Run it:\n\n    {command}\n"}) == []


INTERFACES = {
    "A.kt": 'import io.livekit.android.LiveKit\ndata class Ui(val agentName: String = "Alice")\n'
    'val s = rememberSession(TokenRequestOptions(agentName = "concierge"))\n'
    'fun f() { TopBar(agentName = "Alice") }\n',
    "a.dart": "import 'package:livekit_client/livekit_client.dart';\n"
    "final source = TokenSource();\nfinal agentName = 'Alice';\n"
    "final s = Session.withAgent('concierge');\nWidget b() => Header(agentName: 'Alice');\n",
    "A.swift": 'import LiveKit\nlet o = TokenRequestOptions(agentName: "concierge")\n'
    'let agentName = "Alice"\nstore.dispatch(Rename(agentName: "Alice"))\n',
    "A.java": 'import io.livekit.server.*;\ncrm.setAgentName("Alice");\nnew AccessToken(k, s);\n'
    'RoomAgentDispatch.newBuilder().setAgentName("concierge");\n',
}


@pytest.mark.parametrize(
    "method",
    [
        'fun tokenSource() { Header(agentName = "A") }',
        'fun tokenSource(\n  a: Int\n): X {\n  Header(agentName = "A")\n}',
        'String tokenSource() {\n  crm.setAgentName("A");\n}',
    ],
)
def test_the_name_of_a_method_makes_no_request(check: Check, method: str) -> None:
    assert check({**UNNAMED, "a.kt": f"import io.livekit.android.*\n{method}\n"}) == []


@pytest.mark.parametrize("file", INTERFACES)
def test_a_name_on_a_screen_is_not_a_request(check: Check, file: str) -> None:
    assert check({**NAMED, file: INTERFACES[file]}) == []
    lines = INTERFACES[file].splitlines(keepends=True)
    shown = "".join(line for line in lines if "concierge" not in line)
    assert check({**UNNAMED, file: shown}) == []
    assert check({**NAMED, file: shown}) == ["warning named-worker agent/worker.py:3"]


@pytest.mark.parametrize(
    "page",
    [
        "import { LiveKitRoom } from '@livekit/components-react';\n<LiveKitRoom token={token} />;\n",
        "import { Room } from 'livekit-client';\nawait new Room().connect(url, token);\n",
    ],
)
def test_a_page_with_a_token_from_elsewhere(check: Check, page: str) -> None:
    assert check({**NAMED, "web/a.tsx": page}) == ["warning named-worker agent/worker.py:3"]
    assert check({**UNNAMED, "web/a.tsx": page}) == []
    token = {"token.py": "from livekit import api\napi.AccessToken().to_jwt()\n"}
    answers = check({**NAMED, **token, "web/a.tsx": page})
    assert answers == ["problem named-worker agent/worker.py:3"]


def test_a_name_in_json_that_a_script_sends(check: Check) -> None:
    script = 'curl $URL/token -d \'{"room_config":{"agents":[{"agent_name":"NAME"}]}}\'\n'
    token = {"token.py": "from livekit import api\napi.AccessToken().to_jwt()\n"}
    for name in ("concierge", "$AGENT", "'\"$AGENT\"'"):
        assert check({**NAMED, **token, "a.sh": script.replace("NAME", name)}) == []
    assert check({**UNNAMED, **token, "a.sh": script}) == []


SILENT = {
    "ios/A.swift": "import LiveKit\nlet s = EndpointTokenSource(url: url)\nroom.connect(s)\n",
    "go/a.go": 'package a\nimport "github.com/livekit/protocol/auth"\nvar t = auth.NewAccessToken(k, s)\n',
}


@pytest.mark.parametrize("file", SILENT)
def test_a_client_of_which_no_name_can_be_read(check: Check, file: str) -> None:
    assert check({**NAMED, file: SILENT[file]}) == ["warning named-worker agent/worker.py:3"]
    assert check({**UNNAMED, file: SILENT[file]}) == []


BY_ENVIRONMENT = [  # the worker's name, the client, .env, and the answer
    ("os.getenv('A', 'concierge')", "'concierge'", "", ""),
    ("os.environ.get('A', 'concierge')", "process.env.A ?? 'concierge'", "", ""),
    ("os.getenv('A') or 'concierge'", "process.env.A || 'concierge'", "", ""),
    ("os.getenv('A', 'concierge')", "'x'", "", "warning names-differ web/t.ts:2"),
    ("os.getenv('A', 'x')", "'concierge'", "A_NAME=1\nA=concierge", "warning names-differ web/t.ts:2"),
    ("os.getenv('AGENT', 'x')", "'concierge'", "AGENT=concierge", ""),
    ("os.getenv('AGENT')", "'concierge'", "export AGENT='concierge' # it", ""),
    ("os.getenv('AGENT')", "'concierge'", "B_AGENT=cierge\nAGENT=con${B_AGENT}", ""),
    ("os.getenv('AGENT')", "'concierge'", "AGENT=x", "problem names-differ web/t.ts:2"),
    ("os.getenv('AGENT')", "process.env.AGENT ?? 'y'", "AGENT=x", ""),
]  # fmt: skip


@pytest.mark.parametrize(("name", "asked", "env", "expected"), BY_ENVIRONMENT)
def test_names_from_the_environment(
    check: Check, name: str, asked: str, env: str, expected: str
) -> None:
    worker = "import os\n" + WORKER.replace("rtc_session()", f"rtc_session(agent_name={name})")
    client = (
        "import { RoomAgentDispatch } from 'livekit-server-sdk';\n"
        f"new RoomAgentDispatch({{ agentName: {asked} }});\n"
    )
    answers = check({"worker.py": worker, "web/t.ts": client, ".env": env})
    assert answers == ([expected] if expected else [])


SYNTAX = [
    ("def serve(ctx)\n    pass\n", "problem syntax-error a.py:3"),
    ("async def serve(ctx):\npass\n", "problem syntax-error a.py:4"),
    ("print 'x'\n", "problem syntax-error a.py:3"),
    ("name = {{ cookiecutter.name }}\nif\n", "unread unreadable Could not read"),  # a template
]


@pytest.mark.parametrize(("code", "expected"), SYNTAX)
def test_code_that_does_not_parse(check: Check, code: str, expected: str) -> None:
    start = "from livekit.agents import cli, AgentServer\n\n"
    assert check({"a.py": f"{start}{code}cli.run_app(AgentServer())\n"}) == [expected]


def test_syntax_of_a_newer_python_is_no_mistake(check: Check) -> None:
    code = "import livekit\ntype Pair[T] = tuple[T, T]\ndef first[T](pair: Pair[T]) -> T: ...\n"
    assert check({"a.py": code, "b.py": WORKER}) in (
        [],
        ["unread unreadable Could not read"],  # by Python 3.11
    )


def test_two_projects_in_one_repository(check: Check) -> None:
    client = "import { RoomAgentDispatch } from 'livekit-server-sdk';\nnew RoomAgentDispatch({ agentName: '%s' });\n"
    named = NAMED["agent/worker.py"]
    answers = check({
        "desk/agent.py": named,
        "desk/web/t.ts": client % "concierge",
        "desk/requirements.txt": "livekit-agents==1.0.23",
        "shop/agent.py": WORKER,
        "shop/web/t.ts": client % "concierge",
        "shop/requirements.txt": "livekit-agents~=1.8",
    })  # fmt: skip
    assert answers == [
        "problem missing-name desk/agent.py:1",
        "warning names-an-agent shop/web/t.ts:2",
    ]


def test_agents_that_share_a_front_end(check: Check) -> None:
    named = NAMED["agent/worker.py"]
    client = "import { RoomAgentDispatch } from 'livekit-server-sdk';\nnew RoomAgentDispatch({ agentName: '%s' });\n"
    assert check({
        "agents/sales/agent.py": named.replace("concierge", "sales"),
        "agents/support/agent.py": named.replace("concierge", "support"),
        "web/a.ts": client % "sales",
        "web/b.ts": client % "support",
    }) == []  # fmt: skip


# --- releases ---

CODE = [  # a requirement, a line of code, and the answer
    ("livekit-agents~=1.8", "from livekit.agents import AgentServer", ""),
    ("livekit-agents==1.2.18", "from livekit.agents import AgentServer", "problem missing-name"),
    ("livekit-agents~=0.12", "from livekit.agents import multimodal", ""),
    ("livekit-agents~=0.12", "from livekit.agents import AgentSession", "problem missing-name"),
    ("livekit-agents~=0.9.1", "from livekit.agents.pipeline import VoicePipelineAgent", ""),
    ("livekit-agents>=0.8,<0.10", "from livekit.agents import cli\nif __name__ == '__main__':\n    cli.run_app(opts=o)", ""),
    ("livekit-agents==0.11.*", "from livekit.agents import AgentSession", "problem missing-name"),
    ("livekit-agents>=1", "from livekit.agents.pipeline import VoicePipelineAgent", "problem old-api"),
    ("livekit-agents>=1", "from livekit.agents.voice_assistant import VoiceAssistant", "problem old-api"),
    ("livekit-agents>=1", "from livekit.agents import llm\nllm.FunctionContext()", "problem old-api"),
    ("livekit-agents>=1", "try:\n    from livekit.agents import multimodal\nexcept ImportError: pass", ""),
    ("livekit-agents==1.8.9", "from livekit.agents import VoiceAgent", "problem missing-name"),
    ("livekit-agents", "from livekit.agents import VoiceAgent", "warning missing-name"),
    ("livekit-agents==1.0.23", "from livekit.agents import RoomInputOptions\nRoomInputOptions(close_on_disconnect=False)", "problem unknown-option"),
    ("livekit-agents==1.4.6", "from livekit.agents import AgentSession\nAgentSession(turn_handling=1)", "problem unknown-option"),
    ("livekit-agents==1.5.1", "from livekit.agents import AgentSession\nAgentSession[int](turn_handling=1)", ""),
    ("livekit-agents>=1", "from livekit.agents import WorkerOptions\nWorkerOptions()", "problem unknown-option"),
    ("livekit-agents>=1", "from livekit.agents import AgentServer, WorkerOptions\nAgentServer(WorkerOptions(e))", "problem unknown-option"),
    ("livekit-agents>=1", "from livekit import agents\nagents.WorkerOptions(f, **options)", "unread unreadable Could not"),
    ("livekit-agents>=1", "from livekit import agents\nagents.Worker", "problem missing-name"),
    ("livekit-agents>=1", "from livekit.agents import AgentServer\ns = AgentServer()\n@s.rtc_session(prewarm=1)\nasync def f(c): ...", "problem unknown-option"),
    ("livekit-agents>=1", "from livekit.agents import AgentServer\ns = AgentServer()\n@s.rtc_session()\nasync def f(c): ...\n@s.rtc_session()\nasync def g(c): ...", "problem two-sessions"),
    ("livekit-agents>=1", "from livekit.agents import AgentServer\ns = AgentServer()\n@s.rtc_session()\ndef f(c): ...", "problem entrypoint-plain-def"),
    ("livekit-agents>=1", "from livekit.agents import WorkerOptions\ndef f(c): ...\nWorkerOptions(entrypoint_fnc=f)", "problem entrypoint-plain-def"),
    ("livekit-agents>=1", "from livekit.agents import WorkerOptions\ndef f(c): return g(c)\nWorkerOptions(entrypoint_fnc=f)", ""),
    ("livekit-agents>=1", "from livekit.agents import AgentServer, cli\ns = AgentServer()\nif __name__ == '__main__':\n    cli.run_app(s)", "problem no-session"),
    ("livekit-agents>=1", "from livekit.agents import cli\nif __name__ == 'main':\n    cli.run_app(w)", "problem not-run"),
    ("livekit-agents==1.8.9", "from livekit.agents import Agent\nclass A(Agent):\n    def __init__(self): super().__init__(tool=1, instructions='x')", "problem unknown-option"),
    ("livekit-agents>=1", "from livekit.agents import Agent\nclass A(Agent): ...\na = A()", ""),  # maybe an excerpt
    ("livekit-agents>=1", "from livekit.agents import Agent\nclass A(Agent):\n    def __init__(self): super().__init__(instructions='x')\nclass B(A): ...\na = A(), B()", ""),
    ("livekit-agents>=1", "from livekit.agents import Agent\nclass A(Mixin, Agent):\n    def __init__(self): super().__init__(1)", ""),
    ("livekit-agents==1.8.9", "from livekit.agents import AgentSession\ns = AgentSession()\ns.start(agent=1, participant=2)", "problem unknown-option"),
    ("livekit-agents>=1", "from livekit.agents import AgentSession\ns = AgentSession()\ns.start(room, agent)", "problem unknown-option"),
    ("livekit-agents>=1", "from livekit.agents import AgentSession\ns = AgentSession()\ndef f(s): s.start(room, agent)", ""),
    ("livekit-agents>=1", "from livekit.agents import cli\nasync def e(c): ...\nif __name__ == '__main__':\n    cli.run_app(e)", "problem unknown-option"),
    ("livekit-agents>=1", "from livekit.agents import WorkerOptions, cli\nif __name__ == '__main__':\n    cli.run_app(WorkerOptions(e))", "problem missing-name"),
    ("livekit-agents>=1", "from livekit.api import RoomAgentDispatch\nRoomAgentDispatch(agentName='x')", "problem unknown-option"),
    ("livekit-agents>=1", "from livekit.plugins import openai", "problem missing-plugin"),
    ("livekit-agents[openai]>=1", "from livekit.plugins import openai", ""),
    ("livekit-agents>=1\nlivekit_plugins_openai", "from livekit.plugins import openai", ""),
    ("livekit-agents>=1\n-e ../ours", "from livekit.plugins import openai", ""),
    ("livekit-agents>=1", "from livekit.plugins import of_somebody_else", ""),
]  # fmt: skip


@pytest.mark.parametrize(("requirement", "code", "expected"), CODE)
def test_what_a_release_has(check: Check, requirement: str, code: str, expected: str) -> None:
    answers = check({"requirements.txt": requirement, "a.py": f"import livekit\n{code}\n"})
    assert [answer.rpartition(" ")[0] for answer in answers] == ([expected] if expected else [])


def test_the_missing_distribution_of_a_plugin(check: Check, tmp_path: Path) -> None:
    code = "from livekit.plugins import noise_cancellation\n"
    check({"requirements.txt": "livekit-agents", "a.py": code})
    seen = examine(tmp_path)[0].seen
    assert seen.endswith("no file here asks for livekit-plugins-noise-cancellation.")


INCOMPLETE = {
    "requirements.txt": "-r parts/base.in\nlivekit-agents\n",
    "pyproject.toml": '[tool.poetry.dependencies]\nlivekit-agents = { git = "https://a" }\n',
}


@pytest.mark.parametrize("file", INCOMPLETE)
def test_plugins_that_come_from_elsewhere(check: Check, file: str) -> None:
    files = {"a.py": "from livekit.plugins import openai\n", file: INCOMPLETE[file]}
    assert check({**files, "parts/base.in": "livekit-plugins-openai\n"}) == []


def test_other_imports_are_said_to_be_unchecked(check: Check, tmp_path: Path) -> None:
    code = "import asyncio, prompts, supabase, dotenv\nfrom yaml import load\n" + WORKER
    requirements = "livekit-agents\npython-dotenv\nyaml\n"
    assert check({"a.py": code, "prompts.py": "", "requirements.txt": requirements}) == []
    assert examine(tmp_path)[-1].means.startswith(
        "Not checked: whether supabase can be imported. Code can"
    )


REQUIREMENTS = [
    ("pyproject.toml", '[project]\ndependencies = ["livekit-agents[openai]==1.0.23"]'),
    ("pyproject.toml", '[tool.poetry.dependencies]\nlivekit-agents = { version = "~1.0", extras = ["openai"] }'),
    ("pyproject.toml", '[dependency-groups]\nworker = ["livekit-agents~=1.0.1"]'),
    ("uv.lock", '[[package]]\nname = "livekit-agents"\nversion = "1.0.23"'),
    ("poetry.lock", '[[package]]\nname = "livekit-agents"\nversion = "1.0.23"'),
    ("Pipfile", '[packages]\nlivekit-agents = "==1.0.23"'),
    ("Pipfile.lock", '{"default": {"livekit-agents": {"version": "==1.0.23"}}}'),
    ("setup.py", "setup(install_requires=['livekit-agents>=1.0,<1.1'])"),
    ("requirements/base.txt", "livekit-agents == 1.0.23 # pinned"),
    ("Dockerfile", 'FROM python\nRUN pip install "livekit-agents[openai]~=1.0.0"\nCMD ["sh"]'),
    ("environment.yml", "dependencies:\n- pip:\n  - livekit-agents==1.0.23\n"),
    ("../b.py", "# /// script\n# dependencies = ['livekit-agents==1.0.23']\n# ///\n"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "text"), REQUIREMENTS)
def test_where_the_release_is_required(check: Check, file: str, text: str) -> None:
    name = file.removeprefix("../")
    answers = check({"a.py": "from livekit.agents import AgentServer\n", name: text})
    assert answers == ["problem missing-name a.py:1"]


ASKED_INDIRECTLY = {
    "dispatch.py": "import livekit\nrequests.post(f'{url}/twirp/livekit.AgentDispatchService/"
    "CreateDispatch', json={'room': 'a', 'agent_name': 'concierge'})\n",
    "calls.py": "from livekit import api\ndispatch_agent(room, agent_name='concierge')\n",
    "rule.yaml": "room_config:\n  agents:\n  - agent_name: concierge\n",
    "README.md": "Ask for `concierge` in your dispatch rule. LiveKit does the rest.\n",
    "docs/call.mdx": "Our front end is another repository.\n",
}


@pytest.mark.parametrize("file", ASKED_INDIRECTLY)
def test_names_that_something_may_ask_for(check: Check, file: str) -> None:
    (answer, *_) = check({**NAMED, file: ASKED_INDIRECTLY[file]}) or ["ok"]
    assert answer.split()[0] == "ok"


def test_a_worker_that_phone_calls_reach(check: Check) -> None:
    worker = NAMED["agent/worker.py"].replace("...", "ctx.job.metadata")
    assert check({"agent.py": worker}) == ["ok named-worker agent.py:3"]


def test_a_collection_of_examples_is_no_project(check: Check) -> None:
    files = {f"{name}.py": WORKER for name in "abcde"}
    call = "lk dispatch create --room a --agent-name somebody # livekit\n"
    assert check({**files, "call.sh": call}) == ["ok asked-elsewhere call.sh:1"]


def test_a_worker_that_makes_tokens_for_its_avatar_is_not_a_client(check: Check) -> None:
    token = "from livekit import api\ntoken = api.AccessToken().with_kind('agent')\n"
    worker = token + WORKER.replace("rtc_session()", "rtc_session(agent_name=settings.name)")
    assert check({"agent.py": worker}) == ["ok named-worker agent.py:5"]


def test_run_app_in_a_function_is_no_call(check: Check) -> None:
    code = "from livekit import agents\nif missing:\n    main = None\nelse:\n"
    assert check({"a.py": f"{code}    def main():\n        agents.cli.run_app(server)\n"}) == []
    assert check({"a.py": f"{code}    agents.cli.run_app(server)\n"}) == [
        "warning no-main-guard a.py:5"
    ]
