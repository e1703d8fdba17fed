"""Transcripts: what was said, as one JSON object when a conversation ends. Off by default."""

import json
import logging
import os
import sys
import tempfile
from pathlib import Path

from livekit.agents import AgentSession, JobContext

from app.settings import Settings

logger = logging.getLogger("app.conversation.transcripts")
LOG = "log"  # instead of a folder


def exit_if_unwritable(settings: Settings) -> None:
    """End the program now, rather than lose the transcript of a conversation."""
    if (folder := settings.assistant_transcripts) not in ("", LOG):
        try:
            Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()
        except OSError as error:
            # Not SystemExit, which would end in tracebacks of the SDK's tasks.
            print(f"ASSISTANT_TRANSCRIPTS {folder}: {error.strerror}", file=sys.stderr, flush=True)
            os._exit(1)


def keep(job: JobContext, session: AgentSession[None], settings: Settings) -> None:
    """Write the transcript of `session` when its job ends, if the settings say where."""

    async def write() -> None:
        await session.aclose()  # adds what was being said
        # begin only 1.8
        transcript = job.make_session_report(session).to_dict(include_events=False)
        # end only 1.8
        # begin only 1.0.23
        history = session.history.to_dict(exclude_timestamp=False)
        transcript = {"room": job.job.room.name, "job_id": job.job.id, "chat_history": history}
        # end only 1.0.23
        if settings.assistant_transcripts == LOG:
            logger.info("Transcript", extra={"transcript": transcript})
            return
        path = Path(settings.assistant_transcripts) / f"{job.job.id}.json"
        try:
            path.touch(mode=0o600)
            path.write_text(json.dumps(transcript), encoding="utf-8")
        except OSError as error:
            logger.error("The transcript is lost: %s", error)

    if settings.assistant_transcripts:
        job.add_shutdown_callback(write)
