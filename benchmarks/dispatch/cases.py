"""The cases: what may prevent a job, or bring one.

A case contains the outcomes that were measured when its verdict was written. The page compares them
with the stored run, and omits the verdict where they differ.
"""

import json
from dataclasses import dataclass
from typing import Any

from benchmarks.dispatch.options import GREETER, PLAIN, Worker
from benchmarks.dispatch.scenarios import (
    ALL,
    JOINS,
    LEAVES,
    NOBODY,
    NOT_ALL,
    STAYS,
    Scenario,
    a_person_joins,
    agent_is_lost,
    asks_for,
    busy_for_a_while,
    dispatch_deleted,
    dispatched,
    dispatched_into_a_new_room,
    dispatched_too_early,
    job_killed,
    joined_with,
    late_worker,
    logs,
    made_with,
    python,
    room_made_again,
    rooms_at_once,
    second_person,
    token_for_an_open_room,
    two_are_asked,
    worker_killed,
)


@dataclass(frozen=True)
class Guide:
    """A quotation from the guide for livekit-agents 1.0.23, and the outcome that it implies."""

    says: str
    outcome: str


@dataclass(frozen=True)
class Case:
    """A row of the page.

    Attributes:
        slug: its name, for `--only`.
        words: what is done, or often claimed.
        old: the outcome on 1.0.23 when the verdict was written.
        new: the same on the newest release, if it differs.
        verdict: the conclusion, if the outcomes are these.
        guide: what the guide says about it, if anything.
    """

    slug: str
    words: str
    old: str
    verdict: str = ""
    new: str = ""
    guide: Guide | None = None
    worker: Worker = PLAIN
    scenario: Scenario = a_person_joins

    @property
    def expected(self) -> tuple[str, str]:
        return self.old, self.new or self.old


POLYGLOT = json.dumps({"require_agent": True, "agent_name": "polyglot-flight-agent"})
BREAKS = Guide("This breaks automatic dispatch!", NOBODY)
UNANSWERED = "no answer was given"
REJECTED = f"{NOBODY}, logs `{UNANSWERED}`"


def handler(slug: str, words: str, name: str, old: str, verdict: str, **more: Any) -> Case:
    return Case(slug, words, old, verdict, worker=Worker(handler=name), **more)


NAMES = (
    Case(
        "nothing",
        "A worker without a name and without a request handler; a person joins.",
        JOINS,
        "This is all that automatic dispatch needs.",
        guide=Guide("Let LiveKit's default behavior handle job acceptance", JOINS),
    ),
    Case(
        "guide_configuration",
        "The guide's whole configuration, on another port.",
        JOINS,
        "All its options still exist. For `num_idle_processes=1` see below.",
        guide=Guide("Correct Configuration for Automatic Dispatch", JOINS),
        worker=Worker(options={"num_idle_processes": 1, "shutdown_process_timeout": 30}),
    ),
    Case(
        "guide_command",
        "The same worker, started with `dev --log-level DEBUG`.",
        JOINS,
        "The command works.",
        guide=Guide("python agent.py dev --log-level DEBUG", JOINS),
        worker=Worker(command=("dev", "--log-level", "DEBUG")),
    ),
    Case(
        "require_agent",
        "`require_agent` in the room's metadata.",
        JOINS,
        "LiveKit does not read it.",
        guide=Guide("GOOD - Enables automatic dispatch", JOINS),
        scenario=made_with(metadata='{"require_agent": true}'),
    ),
    Case(
        "room_metadata",
        "`agent_name` in the room's metadata (CreateRoom).",
        JOINS,
        "LiveKit ignores metadata. The template still strips the name, because other code may wait "
        "for that agent.",
        guide=BREAKS,
        scenario=made_with(metadata=POLYGLOT),
    ),
    Case(
        "token_room_metadata",
        "`agent_name` in the room's metadata (the token's room configuration).",
        JOINS,
        "As above.",
        guide=BREAKS,
        scenario=joined_with(room_config={"metadata": POLYGLOT}),
    ),
    Case(
        "person_metadata",
        "`agent_name` in the person's metadata.",
        JOINS,
        "As above.",
        scenario=joined_with(metadata=POLYGLOT),
    ),
    Case(
        "worker_name",
        "`WorkerOptions(agent_name=…)`; no room asks for that name.",
        NOBODY,
        "Such a worker gets only the rooms that ask for it.",
        guide=Guide("This disables automatic dispatch", NOBODY),
        worker=GREETER,
    ),
    Case(
        "warning",
        "… and a warning in the log says so.",
        f"{NOBODY}, does not log `PREVENT automatic dispatch`",
        "The SDK does not warn. Such a line comes from the agent's own code.",
        guide=Guide(
            "Look for warnings: This will PREVENT automatic dispatch!",
            f"{NOBODY}, logs `PREVENT automatic dispatch`",
        ),
        worker=GREETER,
        scenario=logs("PREVENT automatic dispatch"),
    ),
    Case(
        "empty_name",
        '`WorkerOptions(agent_name="")`.',
        f'{JOINS}, logs `"agent_name": ""`',
        "Empty is the same as none.",
        guide=Guide("is normal and doesn't prevent dispatch", f'{JOINS}, logs `"agent_name": ""`'),
        worker=Worker(options={"agent_name": ""}),
        scenario=logs('"agent_name": ""'),
    ),
    Case(
        "environment_name",
        "`LIVEKIT_AGENT_NAME` in the worker's environment.",
        JOINS,
        "Newer SDKs read it. The template removes it.",
        new=NOBODY,
        worker=Worker(env={"LIVEKIT_AGENT_NAME": "greeter"}),
    ),
    Case(
        "environment_beats_empty",
        'The same, and `agent_name=""` in the code.',
        JOINS,
        "It overrides the empty name.",
        new=NOBODY,
        worker=Worker(options={"agent_name": ""}, env={"LIVEKIT_AGENT_NAME": "greeter"}),
    ),
    Case(
        "override",
        "`LIVEKIT_AGENT_NAME_OVERRIDE` in the worker's environment.",
        JOINS,
        "Newer SDKs read it. The template removes it.",
        new=NOBODY,
        worker=Worker(env={"LIVEKIT_AGENT_NAME_OVERRIDE": "greeter"}),
    ),
    Case(
        "override_beats_name",
        "The same, `agent_name=…` in the code, and a token that asks for the name in the code.",
        JOINS,
        "It overrides the name in the code.",
        new=NOBODY,
        worker=Worker(GREETER.options, env={"LIVEKIT_AGENT_NAME_OVERRIDE": "another"}),
        scenario=joined_with(room_config=asks_for("greeter")),
    ),
    Case(
        "token_other_name",
        "The token's `agents` name another agent; the worker has no name.",
        NOBODY,
        "Any name in the list replaces the unnamed agent. The template strips a client's list.",
        scenario=joined_with(room_config=asks_for("another")),
    ),
    Case(
        "room_other_name",
        "The same in CreateRoom.",
        NOBODY,
        "As above.",
        scenario=made_with(**asks_for("another")),
    ),
    Case(
        "token_empty_agent",
        "The token says `agents: [{}]`.",
        JOINS,
        "This means the unnamed agent.",
        scenario=joined_with(room_config={"agents": [{}]}),
    ),
    Case(
        "room_empty_agent",
        "The same in CreateRoom.",
        JOINS,
        "As above.",
        scenario=made_with(agents=[{}]),
    ),
    Case(
        "namespace",
        "`WorkerOptions(namespace=…)`.",
        "TypeError: unexpected keyword argument 'namespace'",
        "It still does not exist.",
        guide=Guide(
            "Not available in WorkerOptions", "TypeError: unexpected keyword argument 'namespace'"
        ),
        scenario=python(
            "from livekit.agents import WorkerOptions; WorkerOptions(print, namespace='a')"
        ),
    ),
    Case(
        "close_on_disconnect",
        "`RoomInputOptions(close_on_disconnect=…)`.",
        "TypeError: unexpected keyword argument 'close_on_disconnect'",
        "It exists in newer SDKs.",
        new="works",
        guide=Guide(
            "This doesn't exist in RoomInputOptions",
            "TypeError: unexpected keyword argument 'close_on_disconnect'",
        ),
        scenario=python(
            "from livekit.agents import RoomInputOptions as Options; "
            "Options(close_on_disconnect=False)"
        ),
    ),
)

HANDLERS = (
    handler(
        "accept",
        "`await request.accept()`.",
        "accept",
        JOINS,
        "A handler works if it accepts, and in time.",
        guide=Guide("may not work as expected", NOBODY),
    ),
    handler(
        "accept_with_a_name",
        "`await request.accept(name=…, identity=…)`.",
        "accept_with_a_name",
        JOINS,
        "As above.",
    ),
    handler(
        "return_true",
        "`return True`.",
        "return_true",
        REJECTED,
        "The return value is ignored. The line continues: `inside the job_request_fnc, "
        "automatically rejecting the job`.",
        guide=Guide("Doesn't work reliably", REJECTED),
        scenario=logs(UNANSWERED),
    ),
    handler(
        "return_none",
        "A handler that does nothing.",
        "return_none",
        REJECTED,
        "As above.",
        scenario=logs(UNANSWERED),
    ),
    handler(
        "accept_without_await",
        "`request.accept()` without `await`.",
        "accept_without_await",
        REJECTED,
        "Nothing is accepted.",
        scenario=logs(UNANSWERED),
    ),
    handler(
        "plain_function",
        "The same in a plain `def`.",
        "accept_in_a_plain_function",
        REJECTED,
        "As above.",
        scenario=logs(UNANSWERED),
    ),
    handler(
        "handler_raises",
        "A handler that raises.",
        "raise_an_error",
        REJECTED,
        "An exception counts as no answer.",
        scenario=logs(UNANSWERED),
    ),
    handler(
        "reject",
        "`await request.reject()`, with two such workers.",
        "reject",
        f"{NOBODY}, 2 of 2 workers asked",
        "In newer SDKs, one rejection ends the job for all workers (`terminate=True`).",
        new=f"{NOBODY}, 1 of 2 workers asked",
        scenario=two_are_asked,
    ),
    handler(
        "slow_2_5",
        "`await request.accept()` after 2.5 seconds.",
        "accept_after_2_5_seconds",
        JOINS,
        "The server waits about three seconds.",
    ),
    handler(
        "slow_4",
        "`await request.accept()` after 4 seconds.",
        "accept_after_4_seconds",
        NOBODY,
        "Too late, although the worker itself would wait 7.5 seconds.",
    ),
)

MOMENTS = (
    Case(
        "late_worker",
        "The worker registers after the room has opened.",
        NOBODY,
        "LiveKit asks once, when the room opens. The template dispatches an agent itself.",
        scenario=late_worker,
    ),
    Case(
        "second_person",
        "… and a second person joins.",
        NOBODY,
        "That does not help.",
        scenario=second_person,
    ),
    Case(
        "busy",
        "The worker reports a load of 0.7 when the room opens, and less afterwards; its "
        "`load_threshold` is 0.99.",
        f"{NOBODY}, logs `no servers available`",
        "The server has its own limit (`agents.target_load`, 0.7), and only its own log says so.",
        worker=Worker(options={"load_threshold": 0.99}),
        scenario=logs("no servers available", busy_for_a_while),
    ),
    Case(
        "one_idle_process",
        "`num_idle_processes=1` and `start`; two rooms open at once, five times.",
        ALL,
        "Not with newer SDKs: there, an accepted job that does not run yet makes the worker full.",
        new=NOT_ALL,
        guide=Guide("Correct Configuration for Automatic Dispatch", ALL),
        worker=Worker(options={"num_idle_processes": 1}),
        scenario=rooms_at_once(2, bursts=5),
    ),
    Case(
        "four_idle_processes",
        "`num_idle_processes=4` and `start`; four rooms open at once, twice.",
        ALL,
        "With more idle processes, each such job counts for less.",
        worker=Worker(options={"num_idle_processes": 4}),
        scenario=rooms_at_once(4, bursts=2),
    ),
)

LOSSES = (
    Case(
        "entrypoint_raises",
        "The entrypoint raises before it has joined.",
        f"{NOBODY}, logs `unhandled exception while running the job task`",
        "No other agent is sent.",
        worker=Worker(entrypoint="raises_first"),
        scenario=logs("unhandled exception while running the job task"),
    ),
    Case(
        "entrypoint_raises_later",
        "The entrypoint raises in the room.",
        f"{STAYS}, logs `unhandled exception while running the job task`",
        "In 1.0.23 it stays, although its entrypoint has ended. In newer SDKs it leaves, and no "
        "other agent is sent.",
        new=f"{NOBODY}, logs `unhandled exception while running the job task`",
        worker=Worker(entrypoint="raises_in_the_room"),
        scenario=logs("unhandled exception while running the job task", agent_is_lost),
    ),
    Case(
        "job_killed",
        "The process of the job is killed.",
        f"{NOBODY}; the API says running",
        "The room keeps a silent agent until the server notices, then none. "
        "Do not trust `JS_RUNNING`.",
        worker=Worker(entrypoint="is_killed"),
        scenario=job_killed,
    ),
    Case(
        "worker_killed",
        "The worker and its jobs are killed; another worker is registered.",
        NOBODY,
        "The room keeps a silent agent until the server notices, then none.",
        scenario=worker_killed,
    ),
)

BY_HAND = (
    Case(
        "rescue",
        'A room without an agent: `create_dispatch(agent_name="")`.',
        JOINS,
        "This brings the agent. The template does it automatically.",
        scenario=dispatched(1),
    ),
    Case(
        "rescue_twice",
        "The same, twice.",
        "2 agents",
        "Each call sends one more.",
        scenario=dispatched(2),
    ),
    Case(
        "rescue_too_early",
        "The same, before any worker has registered.",
        NOBODY,
        "The call succeeds, and nothing is queued.",
        scenario=dispatched_too_early,
    ),
    Case(
        "dispatch_new_room",
        "`create_dispatch` into a room that is not open.",
        "2 agents",
        "It opens the room, which gets its unnamed agent, and sends another one.",
        scenario=dispatched_into_a_new_room,
    ),
    Case(
        "delete_dispatch",
        "`delete_dispatch` while the agent is in the room.",
        LEAVES,
        "Deleting the dispatch removes the agent.",
        scenario=dispatch_deleted,
    ),
    Case(
        "named_token",
        "A named worker; the token of a new room asks for it.",
        JOINS,
        "Explicit dispatch works.",
        worker=GREETER,
        scenario=joined_with(room_config=asks_for("greeter")),
    ),
    Case(
        "named_room",
        "The same in CreateRoom.",
        JOINS,
        "As above.",
        worker=GREETER,
        scenario=made_with(**asks_for("greeter")),
    ),
    Case(
        "case_counts",
        "The token asks for `Greeter`, the worker is `greeter`.",
        NOBODY,
        "Names are case-sensitive.",
        worker=GREETER,
        scenario=joined_with(room_config=asks_for("Greeter")),
    ),
    Case(
        "named_open_room",
        "The room is open already, and a token asks for the named worker.",
        NOBODY,
        "The token's room configuration counts only if it opens the room.",
        worker=GREETER,
        scenario=token_for_an_open_room,
    ),
    Case(
        "named_made_again",
        "The room is open already, and CreateRoom asks for the named worker.",
        NOBODY,
        "As above.",
        worker=GREETER,
        scenario=room_made_again,
    ),
    Case(
        "named_dispatch",
        "The room is open already: `create_dispatch(agent_name=…)`.",
        JOINS,
        "This works for an open room.",
        worker=GREETER,
        scenario=dispatched(1, "greeter"),
    ),
)

GROUPS = {
    "Names and options": NAMES,
    "Request handlers": HANDLERS,
    "When the room opens": MOMENTS,
    "When something breaks": LOSSES,
    "Dispatching by hand, and by name": BY_HAND,
}
CASES = {case.slug: case for cases in GROUPS.values() for case in cases}
