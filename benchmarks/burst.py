"""How many of ten rooms that open at once get an agent: this project beside the SDK's own settings.

    uv run python -m benchmarks.burst

One worker each, in `start` mode, and a server that passes over no worker, whatever load it reports:
what is seen is what the worker itself refuses.
"""

from benchmarks.baked import lines_of


def main() -> None:
    for line in lines_of("burst_in_project.py"):
        print(line, end="", flush=True)


if __name__ == "__main__":
    main()
