"""Which modules import which, without running them."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

from hooks.post_gen_project import WORDS, files
from tests.baking import PROJECT, TEMPLATE, unbaked

SUFFIXES = tuple(f"_{word.replace('.', '_')}" for word in WORDS)


def modules_of(root: Path, *folders: str) -> dict[str, Path]:
    """Return the modules in `folders` below `root`, by name; a variant also by its later name."""
    paths = {}
    for folder in folders:
        for file in files(root / folder):
            parts = (folder, *file.with_suffix("").parts)
            if file.suffix == ".py" and "in_project" not in parts:
                name = ".".join(parts).removesuffix(".__init__")
                paths[name] = root / folder / file
                for suffix in SUFFIXES:
                    paths.setdefault(name.removesuffix(suffix), paths[name])
    return paths


def imported(path: Path, modules: dict[str, Path]) -> Iterator[str]:
    """Yield the modules that `path` imports as it is loaded: `a.b` for `from a import b`."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield name if name in modules else node.module


def check_cycles(modules: dict[str, Path]) -> None:
    """Raise CycleError, which lists the modules, if any import each other."""
    graph = {
        name: {other for other in imported(path, modules) if other in modules}
        for name, path in modules.items()
    }
    assert any(graph.values())
    TopologicalSorter(graph).prepare()


def test_no_modules_of_the_template_import_each_other() -> None:
    folders = ("hooks", "cookiecutter_livekit_agent", "livekit_doctor", "benchmarks", "script")
    check_cycles(modules_of(TEMPLATE, *folders, "tests"))


def test_no_modules_of_a_project_import_each_other(tmp_path: Path) -> None:
    check_cycles(modules_of(unbaked(tmp_path), "app", "dev", "tests"))


def test_a_project_imports_none_of_the_templates_tests() -> None:
    modules = modules_of(PROJECT, "app", "dev", "tests")
    for path in modules.values():
        ours = {
            name
            for name in imported(path, modules)
            if name.split(".")[0] in ("app", "dev", "tests")
        }
        assert ours <= modules.keys(), path
