"""Check a request handler in JavaScript or TypeScript, by the same rules as one in Python.

Its statements become those of Python, with the lines of the original, and project/requests.py
follows them. A call of accept() counts without `await`: a promise runs by itself.
"""

import ast
import re
from collections.abc import Iterator

import tree_sitter_typescript
from tree_sitter import Language, Node, Parser

from livekit_doctor.project.requests import ANSWERS, Paths, Say, Switch

KEYS = {"requestFunc", "jobRequestFunc", "requestFnc"}
FUNCTIONS = {"arrow_function", "function_expression", "function_declaration", "method_definition"}
MAX_DEPTH = 200
# A variable holds the request, or its accept().
HANDED_ON = r"(?<![=!<>])=\s{{0,5}}{0}(?:\s{{0,5}}(?:;|\n|$)|\.(?:accept|reject)\b(?!\())"


def check(text: str, is_jsx: bool, say: Say) -> None:
    """Report the request handlers in `text` that do not answer on every path."""
    if not any(key in text for key in KEYS):
        return
    grammar = (
        tree_sitter_typescript.language_tsx()
        if is_jsx
        else tree_sitter_typescript.language_typescript()
    )
    tree = Parser(Language(grammar)).parse(text.encode())
    for function in handlers(tree.root_node):
        if handler := Translation(function).function():
            Paths(handler, say).follow()


def walk(node: Node) -> Iterator[Node]:
    nodes = [node]
    while nodes:
        node = nodes.pop()
        yield node
        nodes += reversed(node.children)


def text_of(node: Node | None) -> str:
    return node.text.decode() if node and node.text else ""


def handlers(root: Node) -> Iterator[Node]:
    """Yield the functions that are given as a request handler."""
    named: dict[str, Node] = {}
    given: list[Node] = []
    for node in walk(root):
        if node.type == "function_declaration":
            named[text_of(node.child_by_field_name("name"))] = node
        elif node.type == "variable_declarator":
            value = node.child_by_field_name("value")
            if value and value.type in FUNCTIONS:
                named[text_of(node.child_by_field_name("name"))] = value
        elif node.type == "pair":
            value = node.child_by_field_name("value")
            if value and text_of(node.child_by_field_name("key")).strip("\"'") in KEYS:
                given.append(value)
        elif (node.type == "shorthand_property_identifier" and text_of(node) in KEYS) or (
            node.type == "method_definition" and text_of(node.child_by_field_name("name")) in KEYS
        ):
            given.append(node)
    for node in given:
        function = node if node.type in FUNCTIONS else named.get(text_of(node))
        if function:
            yield function


class Translation:
    """One handler, as a function of Python."""

    def __init__(self, function: Node) -> None:
        self._function = function
        self._request = ""

    def function(self) -> ast.AsyncFunctionDef | None:
        """Return it; None if it takes its request apart.

        Raises:
            ValueError: it gives its answer in a way that is not followed.
        """
        parameters = self._function.child_by_field_name("parameters")
        single = self._function.child_by_field_name("parameter")
        names = [single] if single else list(parameters.named_children) if parameters else []
        body = self._function.child_by_field_name("body")
        if not names or not body:
            return None
        first = names[0].child_by_field_name("pattern") or names[0]
        if first.type != "identifier":
            return None  # taken apart: { accept }
        self._request = text_of(first)
        if re.search(HANDED_ON.format(re.escape(self._request)), text_of(body)):
            raise ValueError("has a request handler that keeps accept() for later")
        if body.type == "statement_block":
            statements = self._block(body)
        else:
            statements = [self._at(body, ast.Return(self._expression(body)))]
        arguments = ast.arguments([], [ast.arg(self._request)], None, [], [], None, [])
        function = ast.AsyncFunctionDef("handler", arguments, statements or [ast.Pass()], [])
        function.lineno = self._function.start_point[0] + 1
        function.col_offset = 0
        return ast.fix_missing_locations(function)

    def _at(self, node: Node, made: ast.stmt) -> ast.stmt:
        made.lineno, made.col_offset = node.start_point[0] + 1, 0
        return made

    def _block(self, node: Node | None) -> list[ast.stmt]:
        if node is None:
            return []
        if node.type not in ("statement_block", "else_clause"):
            return self._statement(node)
        return [made for child in node.named_children for made in self._statement(child)]

    def _statement(self, node: Node) -> list[ast.stmt]:
        made = self._made(node)
        for statement in made:
            self._at(node, statement) if not hasattr(statement, "lineno") else None
        return made

    def _made(self, node: Node) -> list[ast.stmt]:
        field = node.child_by_field_name
        match node.type:
            case "return_statement":
                value = node.named_children[0] if node.named_children else None
                return [ast.Return(self._expression(value) if value else None)]
            case "throw_statement":
                error = ast.Call(ast.Name("Error"), [], [])
                return [ast.Raise(error)]
            case "if_statement":
                test = self._expression(field("condition"))
                return [
                    ast.If(
                        test,
                        self._block(field("consequence")) or [ast.Pass()],
                        self._block(field("alternative")),
                    )
                ]
            case "while_statement" | "do_statement" | "for_statement" | "for_in_statement":
                body = self._block(field("body")) or [ast.Pass()]
                condition = field("condition")
                written = text_of(condition).strip("();")
                is_endless = written == "true" or (node.type == "for_statement" and not written)
                test = ast.Constant(True) if is_endless else self._expression(condition)
                once = body if node.type == "do_statement" else []
                return [*once, ast.While(test, body, [])]
            case "try_statement":
                handler, final = field("handler"), field("finalizer")
                caught = self._block(handler.child_by_field_name("body")) if handler else []
                handlers = [ast.ExceptHandler(None, None, caught or [ast.Pass()])]
                return [
                    ast.Try(
                        self._block(field("body")) or [ast.Pass()],
                        handlers if handler else [],
                        [],
                        self._block(final.child_by_field_name("body")) if final else [],
                    )
                ]
            case "switch_statement":
                return self._switch(node)
            case "break_statement":
                return [ast.Break()]
            case "continue_statement":
                return [ast.Continue()]
            case "expression_statement" if (only := node.named_children[0]).type == (
                "binary_expression"
            ) and text_of(only.child_by_field_name("operator")) == "&&":
                right = ast.Expr(self._expression(only.child_by_field_name("right")))
                return [
                    ast.If(
                        self._expression(only.child_by_field_name("left")),
                        [self._at(only, right)],
                        [],
                    )
                ]
            case "statement_block":
                return self._block(node)
            case "function_declaration" | "comment" | "empty_statement":
                return []
        return [ast.Expr(self._expression(node))]

    def _switch(self, node: Node) -> list[ast.stmt]:
        body, cases = node.child_by_field_name("body"), list[ast.match_case]()
        for number, clause in enumerate(body.named_children if body else []):
            if clause.type not in ("switch_case", "switch_default"):
                continue
            value = clause.child_by_field_name("value")
            made = [m for p in clause.named_children if p != value for m in self._statement(p)]
            is_default = clause.type == "switch_default"
            pattern = ast.MatchAs() if is_default else ast.MatchValue(ast.Constant(number))
            cases.append(ast.match_case(pattern, None, made))
        return [Switch(self._expression(node.child_by_field_name("value")), cases)]

    def _expression(self, node: Node | None, depth: int = 0) -> ast.expr:
        """Return what matters of an expression: its calls, and what it awaits."""
        if node is None or depth > MAX_DEPTH or node.type in FUNCTIONS:
            return ast.Constant(None)
        if node.type == "await_expression":
            value = node.named_children[0]
            if (seconds := self._pause(value)) is not None:
                pause = ast.Call(ast.Name("sleep"), [ast.Constant(seconds)], [])
                pause.func.lineno = node.start_point[0] + 1
                return ast.Await(pause)
            if self._is_answered_by(value):
                request = ast.Call(ast.Name("function"), [ast.Name(self._request)], [])
                return ast.Await(self._located(node, request))
            return ast.Await(self._located(node, self._expression(value, depth + 1)))
        parts = [self._expression(child, depth + 1) for child in node.named_children]
        if node.type == "call_expression":
            function, arguments = (
                node.child_by_field_name("function"),
                node.child_by_field_name("arguments"),
            )
            call = self._call(text_of(function), arguments)
            if call:
                return self._located(node, call)
            name = "print" if text_of(function).startswith(("console.", "log")) else "function"
            return self._located(node, ast.Call(ast.Name(name), parts, []))
        parts = [part for part in parts if not isinstance(part, ast.Constant)]
        return parts[0] if len(parts) == 1 else ast.Tuple(parts) if parts else ast.Constant(None)

    def _located(self, node: Node, made: ast.expr) -> ast.expr:
        made.lineno, made.col_offset = node.start_point[0] + 1, 0
        return made

    def _call(self, function: str, arguments: Node | None) -> ast.expr | None:
        """Return an answer to the request, by itself or by a function that gets the request."""
        compact = function.replace("?.", ".")
        for answer in ("accept", "reject"):
            if compact == f"{self._request}.{answer}":
                name = ast.Attribute(ast.Name(self._request), answer)
                return ast.Await(ast.Call(name, [], []))
        if compact.startswith(("console.", "log")):
            return None
        given = [text_of(argument) for argument in arguments.named_children] if arguments else []
        if self._request in given:
            return ast.Await(ast.Call(ast.Name("function"), [ast.Name(self._request)], []))
        return None

    def _is_answered_by(self, call: Node) -> bool:
        """Whether a function gets one that answers: `await limited(() => request.accept())`."""
        arguments = call.child_by_field_name("arguments")
        return any(
            argument.type in FUNCTIONS
            and any(f"{self._request}.{answer}(" in text_of(argument) for answer in ANSWERS)
            for argument in (arguments.named_children if arguments else [])
        )

    def _pause(self, node: Node) -> float | None:
        """Return the seconds that `new Promise((done) => setTimeout(done, 5000))` takes."""
        for inner in walk(node):
            if inner.type == "call_expression":
                name = text_of(inner.child_by_field_name("function")).rpartition(".")[2]
                arguments = inner.child_by_field_name("arguments")
                numbers = [
                    text_of(n).replace("_", "")
                    for n in (arguments.named_children if arguments else [])
                    if n.type == "number"
                ]
                if name in ("setTimeout", "sleep", "delay", "wait") and numbers:
                    return float(numbers[0]) / 1000
        return None
