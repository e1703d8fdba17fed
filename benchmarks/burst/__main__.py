"""How many of ten rooms that open at once get an agent, compared with the SDK's own settings.

    uv run python -m benchmarks.burst

One worker each, in `start` mode. The server skips no worker, whatever load it reports, so only the
worker itself refuses rooms.
"""

from benchmarks.baked import lines_of


def main() -> None:
    for line in lines_of("burst/in_project.py"):
        print(line, end="", flush=True)


if __name__ == "__main__":
    main()
