"""`livekit-doctor FOLDER` on files that are hard to read: encodings, sizes, crafted texts."""

import json
import os
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from livekit_doctor.finding import Finding
from livekit_doctor.project import examine, files

SECONDS_FOR_A_CRAFTED_FILE = 5  # they take under one; quadratic code takes minutes
NAMED = "from livekit.agents import WorkerOptions\nWorkerOptions(f, agent_name='x')\n"
TOKEN = "from livekit import api\napi.RoomAgentDispatch(agent_name='y')\n"


def causes(folder: Path) -> list[str]:
    return [f"{f.level} {f.cause}" for f in examine(folder) if f.cause]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le"])
def test_code_in_utf_16_is_read_and_does_not_run(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.py").write_bytes(NAMED.encode(encoding))
    (tmp_path / "b.py").write_text(TOKEN)
    assert causes(tmp_path) == ["problem encoding", "problem names-differ"]


def test_settings_in_utf_16_are_read_and_reported(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(NAMED.replace("'x'", "os.environ['AGENT']"))
    (tmp_path / "b.py").write_text(TOKEN)
    (tmp_path / ".env").write_bytes("LIVEKIT_URL=ws://x\r\nAGENT=y\r\n".encode("utf-16"))
    assert causes(tmp_path) == ["problem encoding"]


def test_a_byte_order_mark_hides_the_first_variable(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("import livekit\n")
    (tmp_path / ".env").write_bytes(b"\xef\xbb\xbfLIVEKIT_URL=ws://x\n")
    assert causes(tmp_path) == ["warning encoding"]
    (tmp_path / ".env").write_bytes(b"\xef\xbb\xbf# settings\nLIVEKIT_URL=ws://x\n")
    assert causes(tmp_path) == []


def unread(folder: Path) -> str:
    (finding,) = [f for f in examine(folder) if f.level == "unread"]
    return finding.seen


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("import livekit\n")
    (tmp_path / "latin.py").write_bytes(b"# livekit \xe4")
    (tmp_path / "large.py").write_text("livekit" + " " * files.FILE_LIMIT_BYTES)
    (tmp_path / "bundle.js").write_text("livekit" + " " * files.FILE_LIMIT_BYTES)
    (tmp_path / "b.ipynb").write_text("[" * 100_000 + "livekit")
    folder = tmp_path
    for _ in range(files.DEPTH_LIMIT + 5):
        folder /= "d"
    folder.mkdir(parents=True)
    seen = unread(tmp_path)
    assert "latin.py is neither UTF-8 nor UTF-16" in seen
    assert "large.py is larger than 1,000 kB" in seen
    assert "bundle.js" not in seen
    assert "Passed over: bundle.js" in examine(tmp_path)[-1].seen
    assert "b.ipynb is damaged" in seen
    assert "is nested too deeply" in seen


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads all files")
def test_a_file_that_nobody_may_read(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("import livekit\n")
    (tmp_path / "b.py").write_text("import livekit\n")
    (tmp_path / "b.py").chmod(0)
    assert "b.py cannot be read" in unread(tmp_path)


def test_only_so_many_files_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "abc":
        (tmp_path / f"{name}.py").write_text("import livekit\n")
    monkeypatch.setattr(files, "ENTRY_LIMIT", 2)
    assert "only the first 2 files were looked at" in unread(tmp_path)


@pytest.mark.parametrize(
    "folder", ["node_modules", "venv", ".venv", "env", "site-packages", "tests"]
)
def test_folders_of_other_people_are_not_read(tmp_path: Path, folder: str) -> None:
    (tmp_path / "a.py").write_text("import livekit\n")
    (tmp_path / folder / "b").mkdir(parents=True)
    (tmp_path / folder / "b" / "c.py").write_text(NAMED)
    assert causes(tmp_path) == []


def test_the_verdict_says_what_was_examined(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("import livekit\n")
    (tmp_path / "b.swift").write_text("import LiveKit\n")
    (tmp_path / "c.png").write_bytes(b"\x89PNG")
    (verdict,) = examine(tmp_path)
    assert verdict == Finding(
        "project",
        "ok",
        "",
        "Nothing in 2 files keeps an agent away. About LiveKit: 1 Python, 1 Swift. "
        "Read as text, for names only: Swift.",
        "Code can hide what only a run shows: pass the worker's log with --log, too.",
    )


def test_the_same_finding_in_many_places_is_counted(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(NAMED.replace("'x'", "''"))
    token = "api.RoomAgentDispatch(agent_name='y')\n"
    (tmp_path / "b.py").write_text("from livekit import api\n" + token * 1000)
    found = [finding for finding in examine(tmp_path) if finding.cause]
    assert [finding.cause for finding in found] == ["names-an-agent"] * 20
    assert found[-1].seen.endswith("The same in 980 more places.")


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("%%bash\npip install 'livekit-agents[openai]'\necho $(ls)\n", []),
        ("\n%%html\n<b>livekit</b>\n", []),
        (f"%%time\n{TOKEN}", ["problem names-differ"]),
        (f"%%writefile token.py\n{TOKEN}", ["problem names-differ"]),
    ],
)
def test_cells_of_a_notebook(tmp_path: Path, cell: str, expected: list[str]) -> None:
    cells = [{"cell_type": "code", "source": source} for source in (cell, NAMED)]
    (tmp_path / "a.ipynb").write_text(json.dumps({"cells": cells}))
    (tmp_path / "README.md").write_text("Its clients ask by dispatch.")
    assert [cause for cause in causes(tmp_path) if not cause.startswith("ok")] == expected


def test_code_that_is_nested_too_deeply_is_not_blamed_on_python(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("# livekit\nx = " + "(" * 300 + ")" * 300)
    (finding, _) = examine(tmp_path)
    assert finding.level == "unread"
    assert "a.py is nested too deeply" in finding.seen


SIZE = 100_000
CRAFTED: dict[str, Callable[[], str]] = {
    "Makefile": lambda: "A" * SIZE + "AGENT=" * 1000,
    "b.yml": lambda: "AGENT=${{" * (SIZE // 9),
    "c.sh": lambda: "pip install livekit[" * (SIZE // 20),
    "d.env": lambda: 'AGENT="' + "${A" * (SIZE // 3),
    "e.ts": lambda: "livekit {agentName:" * (SIZE // 19),
    "f.ts": lambda: "// livekit agentName\n" + "{agentName: x," * 7000 + "}" * 7000,
    "g.ts": lambda: "// livekit\nrequestFunc: " + "(" * SIZE,
    "h.ts": lambda: "/* livekit */ const a = " * (SIZE // 24),
    "quotes.ts": lambda: "// livekit\n" + '"\\' * (SIZE // 2),
    "comments.ts": lambda: "// livekit\n" + "/* " * (SIZE // 3),
    "objects.ts": lambda: "// livekit\n" + "const a = { agentName: 'b' };\n" * (SIZE // 10),
    "switch.ts": lambda: (
        "// @livekit/agents\nconst a = { requestFunc: async (r) => {"
        + "switch (a) { case 1: case 2: case 3: " * 15
        + "await r.accept();"
        + "}" * 17
    ),
    "finally.ts": lambda: (
        "// @livekit/agents\nconst a = { requestFunc: async (r) => {"
        + "try { if (b) return; if (c) throw d; " * 20
        + "} finally { if (e) return; if (f) throw g; }" * 20
        + "} };"
    ),
    "workers.ts": lambda: "// @livekit/agents\n" + "new ServerOptions({});\n" * (SIZE // 20),
    "a.kt": lambda: "livekit token_request { agentName = x " * (SIZE // 38),
    "names.py": lambda: "".join(
        f"{NAMED}o{n} = WorkerOptions(f)\no{n}.agent_name = 'x'\n" for n in range(1000)
    ),
    "helpers.py": lambda: (
        "import livekit\nasync def look(r):\n"
        + "    print(r)\n" * 3000
        + "async def handle(r):\n"
        + "    await look(r)\n" * 3000
        + "server.rtc_session(e, on_request=handle)\n"
    ),
    "sessions.py": lambda: (
        "from livekit.agents import AgentSession\ns = AgentSession()\n"
        + "".join(f"s{n} = AgentSession()\ns{n}.start(agent=1)\n" for n in range(3000))
    ),
    "members.py": lambda: (
        "from livekit.api import RoomAgentDispatch\n"
        + "".join(f"class C{n}:\n    a = C{n + 1}.a\n" for n in range(2000))
        + "RoomAgentDispatch(agent_name=C0.a)\n" * 500
    ),
    "enums.ts": lambda: "// livekit agent\n" + "enum A { A = 'b', " * (SIZE // 18),
    "later.ts": lambda: "// livekit\n" + "const a: RoomAgentDispatch a.agentName = " * (SIZE // 40),
    "agents.ts": lambda: "// @livekit/agents\ndefineAgent({ " + "agent: " * (SIZE // 7),
    "justfile": lambda: " $(a" * (SIZE // 4) + "\n",
    "cases.ts": lambda: (
        "// @livekit/agents\nconst a = { requestFunc: async (r) => { switch (a) {"
        + "".join(f"case {number}: b();" for number in range(2000))
        + "} } };"
    ),
    "i.go": lambda: "livekit " + "/*" * (SIZE // 2),
    "j.go": lambda: "livekit AgentName: name " * (SIZE // 24),
    "k.md": lambda: "agent_name = '" * (SIZE // 14),
    "l.py": lambda: "# livekit\n" + "(" * SIZE,
    "m.py": lambda: "import livekit\nx = " + "a." * (SIZE // 2) + "b",
    "n.py": lambda: "# livekit " + "{{" * (SIZE // 2) + "\nif",
    "o.yml": lambda: "kind: x\ncommand:\n" + "".join(f"{'  ' * n}- a:\n" for n in range(300)),
    "Dockerfile": lambda: "FROM a\nRUN " + "\\\n" * (SIZE // 2),
}


@pytest.mark.parametrize("name", CRAFTED)
def test_a_crafted_file_takes_linear_time(tmp_path: Path, name: str) -> None:
    (tmp_path / "worker.py").write_text(NAMED.replace("'x'", "''"))
    (tmp_path / name).write_text(CRAFTED[name]())
    start = time.process_time()
    examine(tmp_path)
    assert time.process_time() - start < SECONDS_FOR_A_CRAFTED_FILE


def test_many_services_take_linear_time(tmp_path: Path) -> None:
    worker = "from livekit.agents import cli\nif __name__ == '__main__':\n    cli.run_app(x)\n"
    (tmp_path / "worker.py").write_text(worker)
    services = [f"  s{n}:\n    command: python worker.py start\n" for n in range(3000)]
    (tmp_path / "compose.yml").write_text("services:\n" + "".join(services))
    start = time.process_time()
    examine(tmp_path)
    assert time.process_time() - start < SECONDS_FOR_A_CRAFTED_FILE


def test_aliases_of_yaml_do_not_explode(tmp_path: Path) -> None:
    names = [f"a{number}" for number in range(30)]
    lines = ["a0: &a0 [x]"]
    for before, name in pairwise(names):
        lines.append(f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]")
    (tmp_path / "a.py").write_text("import livekit\n")
    (tmp_path / "b.yml").write_text("kind: x\ncommand: y\n" + "\n".join(lines))
    start = time.process_time()
    examine(tmp_path)
    assert time.process_time() - start < SECONDS_FOR_A_CRAFTED_FILE
