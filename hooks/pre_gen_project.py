"""Reject answers that cannot make a working project, before any of its files is written."""

import json
import os
import re
import sys
import unicodedata

# Windows opens a device under these names, whatever the file extension.
RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
# livekit-server 1.13.5 accepts any text as a name, but two attributes of the agent hold it, and a
# participant's attributes are limited to 64 KiB. Measured: 32,000 bytes join, 33,000 do not.
NAME_LIMIT_BYTES = 32_000
QUOTES = "'`"  # and ", which is refused anywhere


def has_odd_character(text: str) -> bool:
    """Whether `text` contains a control character, a line separator or a lone surrogate."""
    odd = ("Cc", "Cs", "Zl", "Zp")
    return any(unicodedata.category(character) in odd for character in text)


def slug_problem(slug: str) -> str | None:
    """Why `slug` cannot name a folder and a Python distribution, with a name that can."""
    # https://packaging.python.org/en/latest/specifications/name-normalization/
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", slug):
        return "use only a-z, digits and - _ . with a letter or digit at each end: my-agent"
    if len(slug) > 100:
        return "longer than 100 characters, too long for some file systems: use a shorter name"
    if RESERVED.fullmatch(slug):
        return f"Windows reserves this name: use another, such as {slug[:3]}-agent"
    return None


def folder_problem(folder: str) -> str | None:
    """Why no project can be created in `folder`, even with cookiecutter's `-f`."""
    if set(os.listdir(folder)) - {".git"}:
        return f"{folder} contains files that would be overwritten: use another name"
    return None


def agent_name_problem(name: str) -> str | None:
    """Why no room could ask for the agent `name`, and what to use instead."""
    if not "".join(filter(str.isprintable, name)).strip():
        return "empty, but explicit dispatch needs a name to ask for: use one such as my-agent"
    if has_odd_character(name):
        return "contains a control character or an invalid character: remove it"
    if name != name.strip():
        return f"begins or ends with a space, which no room would ask for: use {name.strip()}"
    if name != name.strip(QUOTES):  # the settings refuse these, too: Docker keeps quotes of .env
        return f"begins or ends with a quote: use {name.strip(QUOTES) or 'my-agent'}"
    if len(name.encode()) > NAME_LIMIT_BYTES:
        return f"longer than LiveKit's limit of {NAME_LIMIT_BYTES:,} bytes: use a shorter name"
    # Python and Docker each parse .env differently, but only for these characters.
    if set(name) & set('"\\$'):
        return 'contains one of " \\ $, which programs read differently in .env: remove it'
    return None


def assistant_problem(assistant: str, release: str) -> str | None:
    """Why `assistant` is not available for this `release` of livekit-agents, and what is."""
    if assistant != "keyless" and release != "1.8":
        return f"{assistant} needs livekit_agents=1.8: with {release}, use keyless"
    return None


def problems(answers: dict[str, str], folder: str) -> list[str]:
    """One line per rejected answer: the prompt, what is wrong, and what to type instead.

    Args:
        folder: the project's folder, which cookiecutter has already created.
    """
    found = {"project_slug": slug_problem(answers["project_slug"]) or folder_problem(folder)}
    if answers["dispatch"] == "explicit":
        found["agent_name"] = agent_name_problem(answers["agent_name"])
    found["assistant"] = assistant_problem(answers["assistant"], answers["livekit_agents"])
    if not answers["project_name"].strip():
        found["project_name"] = "empty: use a title such as My Agent"
    for prompt in ("project_name", "description", "author_name"):
        if has_odd_character("".join(answers[prompt].split())):  # newlines become spaces
            found[prompt] = "contains a control character or an invalid character: remove it"
    return [f"  {prompt}: {problem}" for prompt, problem in found.items() if problem]


if __name__ == "__main__":
    sys.stderr.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    # `tojson` escapes every quote in an answer as \u0027, so no answer can end this literal.
    wrong = problems(json.loads(r'''{{ cookiecutter | tojson }}'''), os.getcwd())  # fmt: skip
    if wrong:
        wrong.insert(0, "\nNo project was created. Please change these answers:")
        wrong.append("(The lines from cookiecutter below only say that this check stopped it.)\n")
        sys.exit("\n".join(wrong))
