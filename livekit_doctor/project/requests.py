"""Check that a request handler (`request_fnc`, `on_request`) answers each job on every path.

When LiveKit offers the worker a job, the handler must call `await request.accept()` or `reject()`
before it ends. If it ends without either, it has refused the job.
"""

import ast
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Literal

from livekit_doctor.finding import Level

Function = ast.FunctionDef | ast.AsyncFunctionDef
State = Literal["open", "accepted", "rejected"]  # of a path through the handler
States = frozenset[State]
# Takes the cause, the line, what was seen, and the level.
Say = Callable[[str, int, str, Level], None]

STEPS = 50_000  # statements to follow: those in nested `finally` or `do` are followed repeatedly
ANSWERS: dict[str, State] = {"accept": "accepted", "reject": "rejected"}
ARGUMENTS = {"name", "identity", "metadata", "attributes", None}  # of accept(); None: **arguments
SECONDS_TO_ANSWER = 3  # livekit-server 1.13.5 (measured)
LOGS = {"logger", "logging", "log", "print"}  # assumed not to raise
OPEN: States = frozenset({"open"})
UNREACHABLE: States = frozenset()


class Switch(ast.Match):
    """A `switch` of JavaScript: a case goes on with the next one, and `break` leaves it."""


class Paths:
    """All paths through a handler, followed as the sets of states that they can be in."""

    def __init__(
        self, handler: Function, say: Say, functions: Mapping[str, Function] | None = None
    ) -> None:
        self._functions = functions or {}
        arguments = [a.arg for a in (*handler.args.posonlyargs, *handler.args.args)]
        arguments = [name for name in arguments if name not in ("self", "cls")]
        self._request = arguments[0] if arguments else ""
        self._handler = handler
        self._is_coroutine = isinstance(handler, ast.AsyncFunctionDef)
        self._say = say
        # The variables that it awaits.
        self._awaited = {
            name_of(node.value) for node in ast.walk(handler) if isinstance(node, ast.Await)
        } - {""}
        self._reported: set[str] = set()
        self._steps = 0
        # Where a path ends: how, on which line, in which state.
        self._ends: list[tuple[str, int, State]] = []
        # The loops around a statement: the states that leave each, and whether it is endless. A
        # switch is None, because `continue` does not leave it.
        self._loops: list[tuple[set[State], bool | None]] = []
        # The `try` statements around it: the states that raise, and the names that it catches.
        self._tries: list[tuple[set[State], set[str]]] = []

    def follow(self) -> None:
        """Report the paths that do not answer.

        Raises:
            ValueError: there are too many, or the answer is given in a way that is not followed.
        """
        if self._is_handed_on():
            raise ValueError("has a request handler that keeps accept() for later")
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

    def _is_handed_on(self) -> bool:
        """Whether a variable or a lambda holds the request, or its accept()."""
        called, holders = set[ast.AST](), list[ast.AST]()
        for node in ast.walk(self._handler):
            match node:
                case ast.Call(func=func, args=arguments):
                    called.add(func)
                    if name_of(func) == "getattr":
                        holders += arguments[:1]
                case ast.Assign(value=value) | ast.AnnAssign(value=ast.expr() as value):
                    holders.append(value)
                case ast.Lambda(body=body):
                    holders += [n.value for n in ast.walk(body) if isinstance(n, ast.Attribute)]
        is_request = {n for n in holders if isinstance(n, ast.Name) and n.id == self._request}
        return bool(is_request) or any(
            isinstance(node, ast.Attribute)
            and node.attr in ANSWERS
            and name_of(node.value) == self._request
            and node not in called
            for node in ast.walk(self._handler)
        )

    def _once(self, cause: str, line: int, seen: str, level: Level = "problem") -> None:
        if cause not in self._reported:
            self._reported.add(cause)
            self._say(cause, line, seen, level)

    def _block(self, body: Iterable[ast.stmt], states: States) -> States:
        for statement in body:
            if states:  # otherwise it is unreachable
                states = self._statement(statement, states)
        return states

    def _statement(self, statement: ast.stmt, states: States) -> States:
        self._steps += 1
        if self._steps > STEPS:
            raise ValueError("has a request handler with too many paths")
        match statement:
            case ast.Return():
                states = self._expression(statement, states)
                self._ends += [("returns", statement.lineno, state) for state in states]
                return UNREACHABLE
            case ast.Raise():
                return self._raise(statement, states)
            case ast.If():
                states = self._expression(statement.test, states)
                return self._block(statement.body, states) | self._block(statement.orelse, states)
            case ast.For() | ast.AsyncFor() | ast.While():
                return self._loop(statement, states)
            case ast.Break() | ast.Continue():
                is_break = isinstance(statement, ast.Break)
                loops = [loop for loop in self._loops if is_break or loop[1] is not None]
                if not loops:
                    return states  # of a block with a label
                left, is_endless = loops[-1]
                if is_break or not is_endless:
                    left |= states
                return UNREACHABLE
            case ast.Try():
                return self._try(statement, states)
            case ast.With() | ast.AsyncWith():
                for item in statement.items:
                    states = self._expression(item.context_expr, states)
                return self._block(statement.body, states)
            case Switch():
                return self._switch(statement, states)
            case ast.Match(cases=[*_, ast.match_case(pattern=last, guard=guard)]):
                states = self._expression(statement.subject, states)
                takes_all = isinstance(last, ast.MatchAs) and not last.pattern and not guard
                results = [self._block(case.body, states) for case in statement.cases]
                return UNREACHABLE.union(*results, UNREACHABLE if takes_all else states)
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
        rest = UNREACHABLE if is_endless else states | once
        return self._block(loop.orelse, rest) | left

    def _switch(self, switch: Switch, states: States) -> States:
        states = self._expression(switch.subject, states)
        left, rest = set[State](), UNREACHABLE
        self._loops.append((left, None))
        for case in switch.cases:
            rest = self._block(case.body, states | rest)
        self._loops.pop()
        has_default = any(isinstance(case.pattern, ast.MatchAs) for case in switch.cases)
        return rest | left | (UNREACHABLE if has_default else states)

    def _try(self, statement: ast.Try, states: States) -> States:
        ends_before, raised = len(self._ends), set[State]()
        names = {name_of(part) for h in statement.handlers for part in ast.walk(h.type or ANY)}
        self._tries.append((raised, names))
        rest = self._block(statement.body, states)
        self._tries.pop()
        rest = self._block(statement.orelse, rest)
        for handler in statement.handlers:
            rest |= self._block(handler.body, frozenset(raised))
        # `finally` runs before each end, too.
        ends, self._ends[ends_before:] = self._ends[ends_before:], []
        for how, line, state in ends:
            after = self._block(statement.finalbody, frozenset({state}))
            self._ends += [(how, line, new_state) for new_state in after]
        return self._block(statement.finalbody, rest)

    def _raise(self, statement: ast.Raise, states: States) -> States:
        error = statement.exc.func if isinstance(statement.exc, ast.Call) else statement.exc
        for raised, names in reversed(self._tries):
            if names & {"Exception", "BaseException", name_of(error)}:
                raised |= states
                return UNREACHABLE
        self._ends += [("raises", statement.lineno, state) for state in states]
        return UNREACHABLE

    def _expression(self, node: ast.AST, states: States) -> States:
        """Follow an expression, which may answer, wait or raise."""
        answers: set[State] = set()
        parts = list(walk_here(node))
        # A plain function works, too, if it returns the awaitable.
        wait = ast.Await if self._is_coroutine else ast.Return
        awaited = {node for part in parts if isinstance(part, wait) for node in walk_here(part)}
        if isinstance(node, ast.Assign) and {name_of(t) for t in node.targets} & self._awaited:
            awaited |= {*parts}  # `task = create_task(request.accept())`, and `await task`
        for part in parts:
            if not isinstance(part, ast.Call):
                continue
            arguments = [*part.args, *(keyword.value for keyword in part.keywords)]
            if answer := self._answer(part):
                answers.add(answer)
                if part not in awaited and "open" in states:
                    self._not_awaited(part.lineno)
                if part.args or not {k.arg for k in part.keywords} <= ARGUMENTS:
                    seen = "accept() takes no entrypoint and no options, so it raises TypeError."
                    if answer == "accepted":
                        self._once("request-arguments", part.lineno, seen)
            elif (
                part in awaited
                and self._request in map(name_of, arguments)
                and may_answer(self._functions.get(name_of(part.func)))
            ):
                answers.add("accepted")  # by the called function, which is not followed
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
            seen = "The request handler calls accept() or reject() without await: nothing is sent."
            self._once("request-not-awaited", line, seen)
        else:
            seen = "The request handler is a plain def, which cannot await request.accept()."
            self._once("request-plain-def", self._handler.lineno, seen)

    def _wait(self, parts: list[ast.AST]) -> None:
        for part in parts:
            match part.value if isinstance(part, ast.Await) else part:
                case ast.Call(func=func, args=[ast.Constant(value=int() | float() as seconds)]) if (
                    name_of(func) == "sleep" and seconds >= SECONDS_TO_ANSWER
                ):
                    seen = f"The request handler sleeps for {seconds} seconds before it answers."
                    self._once("request-slow", func.lineno, seen)
                case ast.expr(lineno=line) if isinstance(part, ast.Await):
                    seen = "The request handler awaits something else before it answers."
                    self._once("request-slow", line, seen, "warning")


ANY = ast.Name("Exception")  # what `except:` catches


def walk_here(node: ast.AST) -> Iterable[ast.AST]:
    """Yield the node and all nodes in it, except those in functions, which do not run yet."""
    if isinstance(node, Function):
        return
    yield node
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.Lambda):
            yield from walk_here(child)


@lru_cache(maxsize=100)
def may_answer(function: Function | None) -> bool:
    """Whether a function that gets a request may answer it: itself, or by another one."""
    if function is None:
        return True
    given = {argument.arg for argument in function.args.args}
    return any(
        (isinstance(node, ast.Attribute) and node.attr in ANSWERS)
        or (
            isinstance(node, ast.Call)
            and name_of(node.func) not in LOGS
            and given & {name_of(a) for a in (*node.args, *(k.value for k in node.keywords))}
        )
        for node in ast.walk(function)
    )


def may_raise(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        func = node.func.value if isinstance(node.func, ast.Attribute) else node.func
        return name_of(func) not in LOGS
    return isinstance(node, ast.Subscript)


def name_of(node: ast.AST | None) -> str:
    """Return the last part of a name: `accept` for `request.accept`. Empty if it is not a name."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""
