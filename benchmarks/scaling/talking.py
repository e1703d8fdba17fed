"""What the measured conversations in which people speak say about cost, limits and machines.

The part that runs in a baked project imports the constants from here, too.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

SHAPES = OURS, STARTER, OFFLINE = "this project", "LiveKit's starter", "offline"
IDLE = (4, 2, 1)  # idle processes to choose from; a project has the first number by default
MOST_IDLE = IDLE[0]
ANSWER_SECONDS = 10  # after which an answer counts as lost
SLOWER_SECONDS = 0.5  # than with one conversation: more than that does not fit
LOAD_LIMIT = 0.7  # of the SDK
MEMORY_USED = 0.75  # of a machine: the target of deploy/kubernetes
SMALL_MACHINES = ((1, 1_000), (2, 2_000), (4, 8_000))  # cores, MB
SATURATED = 0.8  # of a core, on average: with less than a fifth left, bursts wait for each other

Row = Mapping[str, Any]  # see in_pipeline.py


@dataclass(frozen=True)
class Shape:
    """The measurements of one shape.

    Attributes:
        rests: the worker without conversations, by its number of idle processes.
        levels: the worker with more and more conversations.
    """

    name: str
    rests: Mapping[int, Row]
    levels: tuple[Row, ...]

    @classmethod
    def of(cls, rows: Iterable[Row], name: str) -> "Shape":
        ours = [row for row in rows if row["shape"] == name]
        rests = {row["idle"]: row for row in ours if row["what"] == "rest"}
        return cls(name, rests, tuple(row for row in ours if row["what"] == "level"))

    @property
    def is_measured(self) -> bool:
        """Whether at least one conversation fitted. The starter may refuse it on a busy machine."""
        return any(row["fits"] for row in self.levels)

    @property
    def most(self) -> Row:
        """The level with the most conversations that fit on one core."""
        return [row for row in self.levels if row["fits"]][-1]

    @property
    def too_many(self) -> Row | None:
        """The first level that does not fit."""
        return None if self.levels[-1]["fits"] else self.levels[-1]

    @property
    def job_mb(self) -> float:
        most = self.most
        return float((most["memory"] - self._measured_rest["memory"]) / most["conversations"])

    @property
    def job_cores(self) -> float:
        most = self.most
        return float((most["worker_cores"] - self._measured_rest["cores"]) / most["conversations"])

    @property
    def server_cores(self) -> float:
        return float(self.most["server_cores"] / self.most["conversations"])

    @property
    def idle_mb(self) -> float:
        """The memory of one idle process."""
        few, many = min(self.rests), max(self.rests)
        difference = self.rests[many]["memory"] - self.rests[few]["memory"]
        return float(difference / (many - few))

    def rest_mb(self, idle: int) -> float:
        """The memory of a worker without conversations, with this number of idle processes."""
        few = min(self.rests)
        return float(self.rests[few]["memory"] + (idle - few) * self.idle_mb)

    def holds(self, mb: float, idle: int) -> int:
        """Return how many conversations this much memory holds."""
        return max(0, math.floor((mb - self.rest_mb(idle)) / self.job_mb))

    @property
    def _measured_rest(self) -> Row:
        return self.rests[max(self.rests)]  # the curve's worker


def limit(shape: Shape) -> str:
    """Return what runs out first when conversations are added."""
    row = shape.too_many
    if row is None:
        return "nothing, up to the last number that was tried"
    if row["refused"] and shape.name == STARTER:
        return "the worker's load limit"
    if row["worker_cores"] >= SATURATED:
        return "the CPU"
    if row["people_cores"] + row["server_cores"] >= SATURATED * row["other_cores"]:
        return "the CPU that the people and the server share"
    return "the time to the answer, with CPU left"


def symptom(shape: Shape) -> str:
    """Return what people notice at the first level that does not fit."""
    row, first = shape.too_many, shape.levels[0]
    if row is None:
        return "nobody noticed anything"
    if row["refused"]:
        return f"one of {row['conversations']} rooms got no agent"
    seen = []
    if row["median"]:
        seen.append(
            f"the median answer came after {row['median']:.1f} s instead of {first['median']:.1f} s"
        )
    if row["lost"]:
        seen.append(f"{row['lost']} of {row['answers']} answers were lost")
    return ", and ".join(seen)


@dataclass(frozen=True)
class Machine:
    """A small machine on which only a worker runs.

    Attributes:
        by_cpu, by_memory: how many conversations either allows.
        full: how many conversations fill the memory, without a reserve.
    """

    cores: int
    mb: int
    idle: int
    by_cpu: int
    by_memory: int
    full: int
    shape: Shape

    @classmethod
    def of(cls, shape: Shape, cores: int, mb: int) -> "Machine":
        """Choose the most idle processes that do not cost a conversation."""
        by_cpu = cores * shape.most["conversations"]
        target = mb * MEMORY_USED
        enough = (idle for idle in IDLE if shape.holds(target, idle) >= by_cpu)
        idle = next(enough, IDLE[-1])
        by_memory, full = shape.holds(target, idle), shape.holds(mb, idle)
        return cls(cores, mb, idle, by_cpu, by_memory, full, shape)

    @property
    def conversations(self) -> int:
        return min(self.by_cpu, self.by_memory)

    @property
    def limit(self) -> str:
        return "CPU" if self.by_cpu <= self.by_memory else "memory"

    @property
    def one_more(self) -> str:
        if not self.conversations:
            return "Too small for this assistant"
        if self.limit == "memory":
            return f"Uses the reserve. After {self.full}, the memory is full (arithmetic)"
        row = self.shape.too_many
        if row is None:
            return "Not measured"
        return f"Measured with {row['conversations']} on one core: {symptom(self.shape)}"
