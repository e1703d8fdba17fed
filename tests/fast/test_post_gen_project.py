"""The post-gen hook, on text and on small folders."""

from pathlib import Path

import pytest

from hooks.post_gen_project import keep_chosen, names_left, strip, write_env

ANSWERS = {
    "dispatch": "automatic",
    "assistant": "keyless",
    "license": "MIT",
    "livekit_agents": "1.8",
    "deploy": "containers",
}
PYTHON = """\
a = 1
b = 2  # only explicit
# begin only explicit
c = 3
# end only explicit
d = 4  # only automatic
"""


def test_strip_keeps_what_was_chosen_and_removes_markers() -> None:
    assert strip(PYTHON, {"explicit", "1.8"}) == "a = 1\nb = 2\nc = 3\n"
    assert strip(PYTHON, {"automatic", "1.8"}) == "a = 1\nd = 4\n"


def test_strip_handles_a_marked_line_in_a_block_of_another_question() -> None:
    text = "# begin only explicit\na  # only 1.8\nb  # only 1.0.23\nc\n# end only explicit\n"
    assert strip(text, {"explicit", "1.8"}) == "a\nc\n"
    assert strip(text, {"explicit", "1.0.23"}) == "b\nc\n"
    assert strip(text, {"automatic", "1.0.23"}) == ""


def test_strip_handles_nested_blocks_and_joined_choices() -> None:
    text = (
        "# begin only pipeline or realtime\na\n# begin only pipeline\nb\n# end only pipeline\n"
        "c  # only realtime or offline\n# end only pipeline or realtime\nd\n"
    )
    assert strip(text, {"pipeline"}) == "a\nb\nd\n"
    assert strip(text, {"realtime"}) == "a\nc\nd\n"
    assert strip(text, {"offline"}) == "d\n"


@pytest.mark.parametrize(
    "line",
    ["x  # only explicit", "x // only explicit", "x <!-- only explicit -->", "x # only explicit "],
)
def test_strip_handles_the_comments_of_each_format(line: str) -> None:
    assert strip(f"{line}\r\ny\r\n", {"explicit", "1.8"}) == "x\r\ny\r\n"
    assert strip(f"{line}\r\ny\r\n", {"automatic", "1.8"}) == "y\r\n"


@pytest.mark.parametrize(
    "text",
    [
        "# begin only explicit\n",
        "# end only explicit\n",
        "# begin only explicit\n# begin only explicit\n# end only explicit\n",
        "# begin only explicit\n# end only automatic\n",
        "# begin only explicit\n# begin only 1.8\n# end only explicit\n# end only 1.8\n",
    ],
)
def test_strip_rejects_an_unclosed_block(text: str) -> None:
    with pytest.raises(ValueError, match=r"^\d: '(begin|end) only "):
        strip(text, {"automatic", "1.8"})


@pytest.mark.parametrize(
    "line",
    [
        "x  # only explcit",
        "x // only explcit",
        "| x | <!-- only explcit -->",
        "x  #only explicit",
        "x  # Only explicit",
        "x  # only explicit, automatic",
        "x  # only explicit and automatic",
        "x  # only explicit or automtic",
        "x  # only explcit  # only explicit",
        "x  # only 1.9",
        "# begin only explcit",
        "// begin only explicit dispatch",
        "x  # begin only explicit",
        "<!-- end only explcit -->",
        "# file only explcit",
        "# file only explicit",  # not on the first line
    ],
)
@pytest.mark.parametrize("chosen", ["automatic", "explicit"])
def test_strip_rejects_a_misspelt_marker_with_its_line(line: str, chosen: str) -> None:
    with pytest.raises(ValueError, match=r"^4: .* can be: automatic, explicit, "):
        strip(f"# file only {chosen}\n\nx  # only 1.8\n{line}\n", {chosen})


def test_strip_rejects_a_misspelt_file_marker() -> None:
    with pytest.raises(ValueError, match=r"^1: '# file only explcit' looks like a marker"):
        strip("# file only explcit\n", {"explicit"})


@pytest.mark.parametrize(
    "line",
    [
        "ports: []  # only this machine reaches it",
        "x  # only here, because the page is rendered without it",
        "x  # the only one",
        "# One file only, or none.",
        "See https://example.com/# only",
    ],
)
def test_strip_does_not_mistake_prose_for_a_marker(line: str) -> None:
    assert strip(line, {"automatic"}) == line


def test_strip_leaves_other_text_alone() -> None:
    text = 'only explicit\n"x  # only explicit"\nx  # only explicit\u2028y\nno newline at the end'
    assert strip(text, {"automatic", "1.8"}) == text


def test_keep_chosen_selects_files(tmp_path: Path) -> None:
    for name in (
        "test_dispatch_automatic.py",
        "test_dispatch_explicit.py",
        "LICENSE-MIT",
        "LICENSE-X",
    ):
        (tmp_path / name).write_text(name)
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\xff")
    keep_chosen(tmp_path, ANSWERS | {"dispatch": "explicit"})
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"test_dispatch_explicit.py", "LICENSE", "picture.png"}
    assert (tmp_path / "LICENSE").read_text() == "LICENSE-MIT"


@pytest.mark.parametrize(("release", "kept"), [("1.8", "newest"), ("1.0.23", "oldest")])
def test_the_file_for_a_release_replaces_the_other(tmp_path: Path, release: str, kept: str) -> None:
    (tmp_path / "agent.py").write_text("newest")
    (tmp_path / "agent_1_0_23.py").write_text("oldest  # only 1.0.23")
    keep_chosen(tmp_path, ANSWERS | {"livekit_agents": release})
    assert [path.name for path in tmp_path.iterdir()] == ["agent.py"]
    assert (tmp_path / "agent.py").read_text() == kept


@pytest.mark.parametrize(
    ("assistant", "kept"),
    [
        ("keyless", {"assistant.py": "keyless", "__init__.py": ""}),
        ("pipeline", {"assistant.py": "pipeline", "__init__.py": "", "key.py": "k\n"}),
        ("offline", {"assistant.py": "offline", "__init__.py": ""}),
    ],
)
def test_the_files_of_an_assistant_are_kept_only_with_it(
    tmp_path: Path, assistant: str, kept: dict[str, str]
) -> None:
    (tmp_path / "assistant.py").write_text("keyless")
    (tmp_path / "assistant_pipeline.py").write_text("pipeline")
    (tmp_path / "assistant_offline.py").write_text("offline")
    (tmp_path / "key.py").write_text("# file only pipeline or realtime\nk\n")
    (tmp_path / "__init__.py").touch()
    keep_chosen(tmp_path, ANSWERS | {"assistant": assistant})
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == kept


@pytest.mark.parametrize(
    ("deploy", "kept"),
    [
        ("none", {"app"}),
        ("containers", {"app", "Dockerfile", "deploy", "deploy/compose"}),
        ("kubernetes", {"app", "Dockerfile", "deploy", "deploy/compose", "deploy/kubernetes"}),
    ],
)
def test_a_path_is_kept_with_its_choices_and_no_folder_stays_empty(
    tmp_path: Path, deploy: str, kept: set[str]
) -> None:
    for name in ("app/a.py", "Dockerfile", "deploy/compose/c.yaml", "deploy/kubernetes/k.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
    keep_chosen(tmp_path, ANSWERS | {"deploy": deploy})
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")}
    assert {name for name in left if "." not in name} == kept


def test_keep_chosen_skips_git(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "x.py").write_text(PYTHON)
    keep_chosen(tmp_path, ANSWERS)
    assert (tmp_path / ".git" / "x.py").read_text() == PYTHON


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("app/agent.py", 'server.rtc_session(entrypoint, agent_name="x")'),
        ("app/api.py", 'configuration.agents.add(agent_name="x")'),
        ("app/dispatch/names.py", 'RoomAgentDispatch(agent_name="x")'),
        ("app/dispatch/names.py", 'agent_name: str = "x"'),
        ("app/doctor/probe.py", 'create_dispatch(agent_name="x")'),
        ("app/dispatch/names.py", 'os.environ["LIVEKIT_AGENT_NAME"] = "x"'),
        ("app/dispatch/names.py", 'ParseDict({"agents": [{"agentName": "x"}]}, configuration)'),
        ("app/web/app.js", "room.connect({ agentName: 'x' })"),
        ("metadata.json", '{"agent_name": "x"}'),
        (".env.example", "LIVEKIT_AGENT_NAME=x"),
        ("Procfile", "worker: start --agent-name x"),
        ("compose.yaml", "  LIVEKIT_AGENT_NAME: x"),
        (".github/workflows/test.yml", "env: {LIVEKIT_AGENT_NAME_OVERRIDE: x}"),
    ],
)
def test_names_left_finds_a_name_wherever_it_is_set(tmp_path: Path, file: str, text: str) -> None:
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"\n{text}\n")
    assert list(names_left(tmp_path)) == [f"{file}:2: {text.strip()}"]


def test_names_left_allows_mentions_in_guards_and_texts(tmp_path: Path) -> None:
    (tmp_path / "app" / "dispatch").mkdir(parents=True)
    (tmp_path / "app" / "dispatch" / "names.py").write_text(
        'if a.agent_name == "x": del m["agent_name"]\nif a.agent_name:\n    log("agent_name is x")'
    )
    (tmp_path / "README.md").write_text("This project sets no agent_name = x.")
    (tmp_path / "pyproject.toml").write_text('description = "agent_name = x"')
    assert not list(names_left(tmp_path))


def test_write_env_creates_new_keys_each_time(tmp_path: Path) -> None:
    example = "# C=3\nA=1\nLIVEKIT_API_KEY=<k>\nLIVEKIT_API_SECRET=<s>\n\nB=2\n"
    (tmp_path / ".env.example").write_text(example)
    texts = set()
    for _ in range(2):
        write_env(tmp_path)
        texts.add((tmp_path / ".env").read_text())
        (tmp_path / ".env").unlink()
    assert len(texts) == 2
    for text in texts:
        _, first, key, secret, last = text.splitlines()
        assert (first, last) == ("A=1", "B=2")
        assert key.startswith("LIVEKIT_API_KEY=dev")
        assert len(secret.removeprefix("LIVEKIT_API_SECRET=")) >= 32
