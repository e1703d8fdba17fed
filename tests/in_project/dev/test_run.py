"""`python -m dev.run`, which `poe run` starts."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
# Run it with another .env.
CODE = """
import sys
from pathlib import Path
from app.settings import Settings
Settings.model_config["env_file"] = Path(sys.argv.pop(1))
from dev.run import run
run()
"""
SHOWN = ("TOKEN_API_KEY", "MINE", "WORKER_HOST", "PORT")


def run(env_file: Path, folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    code = "import os; print(*map(os.environ.get, " + repr(SHOWN) + "), sep='|')"
    (folder / "show.py").write_text(code)
    (folder / "Procfile").write_text(f"show: {sys.executable} {folder / 'show.py'}\n")
    return subprocess.run(
        [sys.executable, "-c", CODE, env_file, "-f", folder / "Procfile"],
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": str(PROJECT), **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_the_programs_get_env_as_the_settings_read_it(tmp_path: Path, encoding: str) -> None:
    text = "TOKEN_API_KEY=abc#def\nexport PORT=9000\nMINE=Ann's café\nWORKER_HOST=from-file\n"
    (tmp_path / ".env").write_text(text, encoding=encoding)
    env = {name: value for name, value in os.environ.items() if name not in SHOWN}
    ended = run(tmp_path / ".env", tmp_path, **env, WORKER_HOST="127.0.0.1")
    assert "abc#def|Ann's café|127.0.0.1|9000" in ended.stdout, ended.stderr


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"MINE=caf\xe9\n", ".env is not UTF-8 text: save it as UTF-8"),
        ("TOKEN_API_KEY=a\n".encode("utf-16-le"), ".env is not UTF-8 text: save it as UTF-8"),
        (b"MINE=a\0b\n", ".env is not UTF-8 text: save it as UTF-8"),
        (b"PORT=99999\n", "PORT Input should be less than or equal to 65535"),
    ],
)
def test_a_wrong_env_file_ends_it_with_one_line(tmp_path: Path, data: bytes, line: str) -> None:
    (tmp_path / ".env").write_bytes(data)
    ended = run(tmp_path / ".env", tmp_path)
    assert ended.stderr.splitlines() == [line]


def test_a_misspelt_variable_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("TOKEN_TTL_SECONDS=60\nMINE=1\nTOKEN_CORS_ORIGIN=https://a.b\n")
    ended = run(tmp_path / ".env", tmp_path)
    line = "TOKEN_CORS_ORIGIN in .env is not a setting: .env.example lists them"
    assert ended.stderr.splitlines() == [line]
