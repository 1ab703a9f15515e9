"""Links that show one project: what they reach, and for how long."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycarbon.dashboard.sharing import Shared, address_of, confined, link_of, read_link

KEY = bytes(32)
SHARED = Shared("a lab", "digits & more", 1000)
TEXTS = st.text(max_size=20)


def project_of(id):
    return {"0123": ("a lab", "digits & more"), "4567": ("a lab", "other")}.get(id)


@given(TEXTS, TEXTS)
def test_a_link_says_what_it_shows_until_its_time_is_over(organisation, project):
    shared = Shared(organisation, project, 1000)
    link = link_of(KEY, shared)
    assert read_link(KEY, link, 999.9) == shared
    assert read_link(KEY, link, 1000.0) is None
    assert read_link(KEY[1:] + b"x", link, 0) is None


@given(st.data())
def test_no_altered_link_is_accepted(data):
    link = link_of(KEY, SHARED)
    at = data.draw(st.integers(0, len(link) - 1))
    other = data.draw(st.characters(max_codepoint=255).filter(lambda letter: letter != link[at]))
    assert read_link(KEY, link[:at] + other + link[at + 1 :], 0) is None


@pytest.mark.parametrize("path", ["/project", "/experiment", "/runs", "/api/v1/project", "/api/v1/runs", "/run/0123"])
def test_its_own_project_is_open(path):
    assert confined(SHARED, path, "", project_of) is not None
    assert address_of(SHARED).startswith("/project?organisation=a+lab&project=digits+%26+more")


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/",
            "/compare",
            "/whatif",
            "/live",
            "/api/v1/overview",
            "/run/4567",
            "/run/89ab",
            "/api/v1/runs/4567/power",
        ),
        *("/project/", "/run/0123/", "/run/0123/x", "/run/0123\n", "//project", "/run/../project", "/projects", ""),
    ],
)
def test_everything_else_is_not(path):
    assert confined(SHARED, path, "organisation=a+lab&project=digits", project_of) is None


@given(st.lists(st.tuples(st.sampled_from(["organisation", "project", "tag", "format"]), TEXTS), max_size=6))
def test_no_query_reaches_another_project(pairs):
    # GIVEN any query, names given twice and none at all
    # WHEN the holder of a link asks with it
    found = parse_qsl(confined(SHARED, "/runs", urlencode(pairs), project_of), keep_blank_values=True)
    # THEN the project is the link's, said once, and the rest of the query stays
    assert [pair for pair in found if pair[0] == "organisation"] == [("organisation", "a lab")]
    assert [pair for pair in found if pair[0] == "project"] == [("project", "digits & more")]
    others = [pair for pair in pairs if pair[0] not in ("organisation", "project")]
    assert [pair for pair in found if pair[0] not in ("organisation", "project")] == others
