"""How long a person waits for the first word, compared with the structure of LiveKit's starter.

    uv run python -m benchmarks.first_word

Both use the same fake models with fixed latencies, so only the code around them differs. Voice
activity detection and turn detection are real: both use the SDK's own. (The starter's turn detector
would have to be downloaded first.)
"""

from benchmarks.baked import lines_of


def main() -> None:
    for line in lines_of("first_word/in_pipeline.py", assistant="pipeline"):
        print(line, end="", flush=True)


if __name__ == "__main__":
    main()
