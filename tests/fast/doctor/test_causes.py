"""docs/causes.md: a heading for each cause that a doctor can find."""

import re

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
    live = {cause.id for cause in causes_page.live_causes()}
    assert {*headings} == ids | live
    # What GitHub makes an anchor of, without a change.
    assert all(re.fullmatch("[a-z0-9_-]+", heading) for heading in headings)
    assert len(live) > 40


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
