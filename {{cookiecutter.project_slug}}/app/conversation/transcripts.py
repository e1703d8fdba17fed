"""Transcripts: what was said, as one JSON object when a conversation ends. Off by default."""

import json
import logging
import os
import sys
from pathlib import Path

from livekit.agents import AgentSession, JobContext

from app.settings import Settings

logger = logging.getLogger("app.conversation.transcripts")


def exit_if_unwritable(where: str) -> None:
    """End the program now, rather than lose the transcript of a conversation."""
    if where not in ("", "log") and not os.access(where, os.W_OK | os.X_OK):
        # Not SystemExit, which would end in tracebacks of the SDK's tasks.
        reason = "must be log, or a folder that this program can write to"
        print(f"ASSISTANT_TRANSCRIPTS {where}: {reason}", file=sys.stderr, flush=True)
        os._exit(1)


def keep(job: JobContext, session: AgentSession[None], settings: Settings) -> None:
    """Write the transcript of `session` when its job ends, if the settings say where."""
    where = settings.assistant_transcripts

    async def write() -> None:
        await session.aclose()  # adds what was being said
        transcript = job.make_session_report(session).to_dict(include_events=False)  # only 1.8
        history = session.history.to_dict(exclude_timestamp=False)  # only 1.0.23
        names = {"room": job.job.room.name, "job_id": job.job.id}  # only 1.0.23
        transcript = {**names, "chat_history": history}  # only 1.0.23
        if where == "log":
            logger.info("Transcript", extra={"transcript": transcript})
            return
        try:
            (path := Path(where, f"{job.job.id}.json")).touch(mode=0o600)
            path.write_text(json.dumps(transcript), encoding="utf-8")
        except OSError as error:
            logger.error("The transcript is lost: %s", error)

    if where:
        job.add_shutdown_callback(write)
