"""How long a person waits for the first word: this project beside the shape of LiveKit's starter.

    uv run python -m benchmarks.first_word

Both get the same fake models with fixed latencies, so what differs is what is around them. What
finds speech and its end is real, and the same: that of the SDK. (The starter's turn detector has to
be downloaded first; here it gets the one that the SDK ships.)
"""

from benchmarks.baked import lines_of


def main() -> None:
    for line in lines_of("first_word_in_pipeline.py", assistant="pipeline"):
        print(line, end="", flush=True)


if __name__ == "__main__":
    main()
