"""docs/causes.md: a heading for each cause that a doctor can find."""

import ast
import re
import tomllib

from livekit_doctor import causes
from script import causes_page

PAGE = causes_page.ROOT / "docs" / "causes.md"


def test_the_page_is_what_the_code_says() -> None:
    assert PAGE.read_text("utf-8") == causes_page.page(), (
        "Run script/uv run python script/causes_page.py > docs/causes.md"
    )


def test_every_cause_has_a_heading() -> None:
    headings = re.findall("^## (.*)$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert len(headings) == len(set(headings))
    ids = {cause.id for table in causes.tables().values() for cause in table}
    live = [cause.id for cause in causes_page.live_causes()]
    assert len(live) == len(set(live))
    assert {*headings} == ids | {*live}
    # What GitHub makes an anchor of, without a change.
    assert all(re.fullmatch("[a-z0-9_-]+", heading) for heading in headings)


def test_the_code_of_the_live_doctor_uses_exactly_the_causes_in_its_table() -> None:
    folder = causes_page.APP / "doctor"
    ids = set(tomllib.loads((folder / "causes.toml").read_text("utf-8")))
    texts = {
        str(node.value)
        for path in folder.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant)
    }
    assert ids <= texts
    assert {text for text in texts if re.fullmatch("[a-z]+(-[a-z]+)+", text)} <= ids


def test_every_live_cause_can_be_acted_on() -> None:
    for cause in causes_page.live_causes():
        assert cause.seen
        assert cause.means
        assert cause.advice


def test_every_cause_can_be_acted_on() -> None:
    for table in causes.tables().values():
        assert len({cause.id for cause in table}) == len(table)
        for cause in table:
            assert cause.title
            assert cause.means
            assert cause.advice
            assert cause.measured


def test_a_cause_is_linked() -> None:
    assert causes.link("key-refused").endswith("/docs/causes.md#key-refused")
    assert causes.link("") == ""
