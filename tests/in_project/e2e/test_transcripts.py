"""What was said is written when the conversation ends, if the settings say where."""

import asyncio
import json
import stat
from pathlib import Path
from typing import Any

import pytest
from livekit.agents import AgentSession

from app.conversation import transcripts
from app.settings import load_settings
from tests.e2e.person import TIMEOUT, Person
from tests.e2e.programs import WORKER, LiveKit, livekit_running, run
from tests.e2e.world import POLL_SECONDS


async def transcript_in(folder: Path) -> Any:
    """Wait for the only file in `folder`, and return what it contains."""
    async with asyncio.timeout(TIMEOUT):
        while not (files := [file for file in folder.iterdir() if file.stat().st_size]):
            await asyncio.sleep(POLL_SECONDS)
    (file,) = files
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    return json.loads(file.read_text(encoding="utf-8"))


def said_in(transcript: Any) -> list[tuple[str, str]]:
    items = transcript["chat_history"]["items"]
    messages = [item for item in items if item["type"] == "message"]
    assert all(message["created_at"] > 0 for message in messages)
    return [(message["role"], "".join(message["content"])) for message in messages]


async def talk(livekit: LiveKit, backend: str) -> list[str]:
    """Have a short conversation, and return what the agent said in it."""
    person = await Person.with_token_from(backend, room_name="minuted")
    await person.meets_agent()
    await person.hears("Hello!")
    await person.says("good morning")
    await person.hears("You wrote: good morning")
    await person.leave()
    return person.heard


async def test_a_transcript_has_every_turn_in_a_file_of_its_own(tmp_path: Path) -> None:
    with (
        livekit_running() as livekit,
        livekit.worker(ASSISTANT_TRANSCRIPTS=str(tmp_path)),
        livekit.backend() as backend,
    ):
        greeting, answer = await talk(livekit, backend)
        transcript = await transcript_in(tmp_path)
    assert transcript["room"] == "minuted"
    assert transcript["job_id"].startswith("AJ_")
    assert said_in(transcript) == [
        ("assistant", greeting),
        ("user", "good morning"),
        ("assistant", answer),
    ]


def test_without_the_setting_there_is_no_transcript() -> None:
    job: Any = None  # not used
    transcripts.keep(job, AgentSession[None](), load_settings())


async def test_the_log_has_a_transcript_if_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    with (
        livekit_running() as livekit,
        livekit.worker(ASSISTANT_TRANSCRIPTS="log") as worker,
        livekit.backend() as backend,
    ):
        await talk(livekit, backend)
        worker.terminate()  # ends after the conversation
        await asyncio.to_thread(worker.wait, TIMEOUT)
    printed = capsys.readouterr().out
    (line,) = [line for line in printed.splitlines() if '"transcript":' in line]
    assert said_in(json.loads(line)["transcript"])[1] == ("user", "good morning")


def test_a_folder_that_cannot_be_written_ends_the_worker_with_one_line(tmp_path: Path) -> None:
    (file := tmp_path / "file").touch()
    ended = run(WORKER, "start", env={"ASSISTANT_TRANSCRIPTS": str(file)})
    (line,) = ended.stderr.splitlines()
    assert ended.returncode == 1
    assert line.startswith(f"ASSISTANT_TRANSCRIPTS {file}: must be log, or a folder")
