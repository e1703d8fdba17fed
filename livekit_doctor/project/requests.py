"""Whether a request handler (`request_fnc`, `on_request`) answers each job, whichever way it goes.

LiveKit offers a job to the worker, whose handler has to call `await request.accept()`, or
`reject()`, before it ends. One that ends in any other way has refused the job.
"""

import ast
from collections.abc import Callable, Iterable
from typing import Literal

from livekit_doctor.project.notes import Level

Function = ast.FunctionDef | ast.AsyncFunctionDef
State = Literal["open", "accepted", "rejected"]  # how far a way through the handler has come
States = frozenset[State]
Say = Callable[[str, int, str, Level], None]  # says a cause, its line, what was seen, and how bad

ANSWERS: dict[str, State] = {"accept": "accepted", "reject": "rejected"}
ARGUMENTS = {"name", "identity", "metadata", "attributes", None}  # of accept(); None: **arguments
PATIENCE = 3  # seconds that livekit-server 1.13.5 waits for an answer (measured)
LOGS = {"logger", "logging", "log", "print"}  # what is taken not to raise
OPEN: States = frozenset({"open"})
NOWHERE: States = frozenset()


class Ways:
    """Follows all ways through one handler, as sets of the states that they can be in."""

    def __init__(self, handler: Function, say: Say) -> None:
        arguments = [each.arg for each in handler.args.args if each.arg not in ("self", "cls")]
        self._request = arguments[0] if arguments else ""
        self._handler = handler
        self._is_coroutine = isinstance(handler, ast.AsyncFunctionDef)
        self._say = say
        self._said: set[str] = set()
        # Where a way ends: how, on which line, in which state.
        self._ends: list[tuple[str, int, State]] = []
        # For each loop around a place: what leaves it for what follows, and whether it is endless.
        self._loops: list[tuple[set[State], bool]] = []
        # For each `try` around it: what an exception takes out of it, and the names of its excepts.
        self._tries: list[tuple[set[State], set[str]]] = []

    def follow(self) -> None:
        first = self._handler.lineno
        rest = self._block(self._handler.body, OPEN)
        self._ends += [("ends", first, state) for state in rest]
        for how, line, state in dict.fromkeys(self._ends):
            if state == "open" and not self._is_coroutine:
                self._not_awaited(line)
            elif state == "open":
                cause = "request-raises" if how == "raises" else "request-unanswered"
                self._say(cause, line, f"The request handler {how} without an answer.", "problem")
        if {state for *_, state in self._ends} == {"rejected"}:
            self._once("request-rejects", first, "The request handler rejects every job.")

    def _once(self, cause: str, line: int, said: str, level: Level = "problem") -> None:
        if cause not in self._said:
            self._said.add(cause)
            self._say(cause, line, said, level)

    def _block(self, body: Iterable[ast.stmt], states: States) -> States:
        for statement in body:
            if states:  # else nothing gets here
                states = self._statement(statement, states)
        return states

    def _statement(self, statement: ast.stmt, states: States) -> States:
        match statement:
            case ast.Return():
                states = self._expression(statement, states)
                self._ends += [("returns", statement.lineno, state) for state in states]
                return NOWHERE
            case ast.Raise():
                return self._raise(statement, states)
            case ast.If():
                states = self._expression(statement.test, states)
                return self._block(statement.body, states) | self._block(statement.orelse, states)
            case ast.For() | ast.AsyncFor() | ast.While():
                return self._loop(statement, states)
            case ast.Break() | ast.Continue():
                left, is_endless = self._loops[-1]
                if isinstance(statement, ast.Break) or not is_endless:
                    left |= states
                return NOWHERE
            case ast.Try():
                return self._try(statement, states)
            case ast.With() | ast.AsyncWith():
                for item in statement.items:
                    states = self._expression(item.context_expr, states)
                return self._block(statement.body, states)
            case ast.Match(cases=[*_, ast.match_case(pattern=last, guard=guard)]):
                states = self._expression(statement.subject, states)
                takes_all = isinstance(last, ast.MatchAs) and not last.pattern and not guard
                ways = [self._block(case.body, states) for case in statement.cases]
                return NOWHERE.union(*ways, NOWHERE if takes_all else states)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                return states
        return self._expression(statement, states)

    def _loop(self, loop: ast.For | ast.AsyncFor | ast.While, states: States) -> States:
        condition = loop.test if isinstance(loop, ast.While) else loop.iter
        states = self._expression(condition, states)
        is_endless = isinstance(condition, ast.Constant) and bool(condition.value)
        left: set[State] = set()
        self._loops.append((left, is_endless))
        once = self._block(loop.body, states)
        self._loops.pop()
        rest = NOWHERE if is_endless else states | once
        return self._block(loop.orelse, rest) | left

    def _try(self, statement: ast.Try, states: States) -> States:
        ends_before, raised = len(self._ends), set[State]()
        names = {
            name_of(part) for each in statement.handlers for part in ast.walk(each.type or ANY)
        }
        self._tries.append((raised, names))
        rest = self._block(statement.body, states)
        self._tries.pop()
        rest = self._block(statement.orelse, rest)
        for each in statement.handlers:
            rest |= self._block(each.body, frozenset(raised))
        # What is in `finally` happens on the way to each end, too.
        ends, self._ends[ends_before:] = self._ends[ends_before:], []
        for how, line, state in ends:
            after = self._block(statement.finalbody, frozenset({state}))
            self._ends += [(how, line, each) for each in after]
        return self._block(statement.finalbody, rest)

    def _raise(self, statement: ast.Raise, states: States) -> States:
        error = statement.exc.func if isinstance(statement.exc, ast.Call) else statement.exc
        for raised, names in reversed(self._tries):
            if names & {"Exception", "BaseException", name_of(error)}:
                raised |= states
                return NOWHERE
        self._ends += [("raises", statement.lineno, state) for state in states]
        return NOWHERE

    def _expression(self, node: ast.AST, states: States) -> States:
        """What an expression does: answer, wait, or perhaps raise."""
        answers: set[State] = set()
        parts = list(walk_here(node))
        # A plain function works as well, if it returns the awaitable.
        wait = ast.Await if self._is_coroutine else ast.Return
        awaited = {each for part in parts if isinstance(part, wait) for each in walk_here(part)}
        for part in parts:
            if not isinstance(part, ast.Call):
                continue
            given = [*part.args, *(each.value for each in part.keywords)]
            if answer := self._answer(part):
                answers.add(answer)
                if part not in awaited and "open" in states:
                    self._not_awaited(part.lineno)
                if part.args or not {each.arg for each in part.keywords} <= ARGUMENTS:
                    said = "accept() takes no entrypoint and no options: it raises TypeError."
                    if answer == "accepted":
                        self._once("request-arguments", part.lineno, said)
            elif part in awaited and self._request in map(name_of, given):
                answers.add("accepted")  # by the function that gets it; that one is not followed
        if "open" in states and answers:
            return (states - OPEN) | answers
        if "open" in states:
            self._wait(parts)
        if self._tries and any(map(may_raise, parts)):
            self._tries[-1][0].update(states)
        return states

    def _answer(self, call: ast.Call) -> State | None:
        if isinstance(call.func, ast.Attribute) and name_of(call.func.value) == self._request:
            return ANSWERS.get(call.func.attr)
        return None

    def _not_awaited(self, line: int) -> None:
        if self._is_coroutine:
            said = "The request handler calls accept() or reject() without await: nothing is sent."
            self._once("request-not-awaited", line, said)
        else:
            said = "The request handler is a plain def, which can not await request.accept()."
            self._once("request-plain-def", self._handler.lineno, said)

    def _wait(self, parts: list[ast.AST]) -> None:
        for part in parts:
            match part.value if isinstance(part, ast.Await) else part:
                case ast.Call(func=func, args=[ast.Constant(value=int() | float() as seconds)]) if (
                    name_of(func) == "sleep" and seconds >= PATIENCE
                ):
                    said = f"The request handler sleeps for {seconds} seconds before it answers."
                    self._once("request-slow", func.lineno, said)
                case ast.expr(lineno=line) if isinstance(part, ast.Await):
                    said = "The request handler waits for something else before it answers."
                    self._once("request-slow", line, said, "warning")


ANY = ast.Name("Exception")  # what `except:` catches


def walk_here(node: ast.AST) -> Iterable[ast.AST]:
    """The node and what is in it, but not what is in functions that it only defines."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.Lambda):
            yield from walk_here(child)


def may_raise(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        func = node.func.value if isinstance(node.func, ast.Attribute) else node.func
        return name_of(func) not in LOGS
    return isinstance(node, ast.Subscript)


def name_of(node: ast.AST | None) -> str:
    """The last word of a name: `accept` of `request.accept`; nothing if it is none."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""
