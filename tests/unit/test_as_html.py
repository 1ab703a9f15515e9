"""The report in one file: the figures of the JSON, nothing that would run or be fetched but its own, and no markup
that a run put there."""

from __future__ import annotations

import base64
import hashlib
import io
import itertools
import re
import sys

import pytest
from page_reader import Page
from report_world import example
from test_icicle import many
from test_reports import GOLDEN, cut_off, measured, modelled, no_energy, with_regions, zero_energy

from pycarbon import reports
from pycarbon.analysis import Run
from pycarbon.commands import main
from pycarbon.reports import figures
from pycarbon.reports.as_html import HtmlReport
from pycarbon.reports.as_json import as_dict
from pycarbon.reports.power_view import embedded
from pycarbon.reports.words import told_figure
from pycarbon.run import RunData

ALL = [measured, modelled, cut_off, zero_energy, no_energy, with_regions, example]


def of(data: RunData) -> tuple[str, Page]:
    text = HtmlReport().render(Run(data))
    return text, Page(text)


def hostile() -> RunData:
    evil = "</script></title><script>alert(1)</script><img src=x onerror=alert(1)>\"'&{{ 7 * 7 }}"
    data = with_regions()
    data.ledger.labels[:] = [evil, f"{evil}2"]
    data.meta |= {"name": evil, "project": evil, "command": [evil], "tags": {evil: evil}, "id": evil, "notes": [evil]}
    data.meta |= {"machine": {"brand": evil, "hostname": evil}, "sampling": {"rate_hz": evil}, "pycarbon": evil}
    data.channels = [type(one)(**{**_members(one), "domain": f"{evil}{one.id}"}) for one in data.channels]
    data.meta["curves"] = [{**one, "domain": f"{evil}{number}"} for number, one in enumerate(data.meta["curves"])]
    return data


def _members(channel):
    return {name: getattr(channel, name) for name in channel.__slots__}


@pytest.mark.parametrize("make", [*ALL, hostile])
def test_it_is_one_well_formed_file_that_asks_nobody(make):
    text, page = of(make())
    assert text.isascii() and text.startswith("<!DOCTYPE html>\n") and text.count("<html") == 1
    assert len(page.ids) == len(set(page.ids))
    # nothing is fetched
    for tag, attributes in page.tags:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base", "form")
        assert not {name for name in attributes if name.startswith("on")} | ({"src", "style"} & set(attributes))
        assert attributes.get("href", "#").startswith("#")
    # no other script and style than those that the policy names run
    policy = next(a["content"] for tag, a in page.tags if tag == "meta" and a.get("http-equiv"))
    assert policy.startswith("default-src 'none'; ") and "unsafe" not in policy
    code = [body for attributes, body in page.scripts if attributes.get("type") != "application/json"]
    styles = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    assert len(code) == len(styles) == 1
    for name, body in (("script-src", code[0]), ("style-src", styles[0])):
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert f"{name} 'sha256-{digest}'" in policy
    assert "Permission is hereby granted" in code[0]  # the licence of what is in it


@pytest.mark.parametrize("make", ALL)
def test_headings_are_in_order_and_tables_have_captions(make):
    _, page = of(make())
    levels = [level for level, _ in page.headings]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert "" not in page.tables
    assert all(a.get("scope") in ("col", "row") for tag, a in page.tags if tag == "th")
    assert ("html", {"lang": "en"}) in page.tags
    named = {a["aria-labelledby"] for _, a in page.tags if "aria-labelledby" in a}
    assert {one for names in named for one in names.split()} <= set(page.ids)


@pytest.mark.parametrize("make", ALL)
def test_its_figures_are_those_of_the_json(make):
    # GIVEN a run as JSON and as a page
    data = make()
    report, (_, page) = as_dict(Run(data)), of(data)
    words = " ".join(page.text.split())
    # THEN the total with its interval is in it, and every domain and region has its row
    if report["energy"]["total_j"] is None:
        assert "not known" in words
        return
    energy = report["energy"]
    total = told_figure("", "J", "", (energy["total_j"], energy["low_j"], energy["high_j"]))
    assert total["text"] in words and total["between"] in words
    grams = report["emissions"]
    mass = told_figure("", "g", "", (grams["co2e_g"], grams["low_g"], grams["high_g"]))
    assert mass["text"] in words and mass["between"] in words
    rows = next(rows for caption, rows in page.tables.items() if "each domain" in caption)[1:]
    assert {row[0].strip("()"): row[1] for row in rows} == {
        one["domain"]: told_figure("", "J", "", (one["energy_j"], one["low_j"], one["high_j"]))["text"]
        for one in energy["channels"]
    }
    regions = next((rows[1:] for caption, rows in page.tables.items() if "Each label" in caption), [])
    assert len(regions) == len(report["regions"]) + (report["outside"] is not None and bool(report["regions"]))
    for row, region in zip(regions, report["regions"], strict=False):
        assert row[0] == region["label"]
        if region["energy_j"] is None:
            assert row[3].startswith("not resolved") and region["remedy"] in row[3]
        else:
            assert row[5] == ("-" if region["share"] is None else figures.percent(region["share"]))
    for one in report["equivalents"]:
        assert one["text"] in words and one["source"] in words


def test_the_data_for_its_script_is_the_view_s():
    data = example()
    _, page = of(data)
    expected = embedded(Run(data))
    found = page.data("power-data")
    assert found["gaps"] == expected["gaps"]
    assert [one["data"] for one in found["domains"]] == [one["data"] for one in expected["domains"]]


def test_nothing_that_a_run_says_is_markup():
    text, page = of(hostile())
    assert "alert(1)</script>" not in text and "49" not in page.headings[0][1]
    assert [tag for tag, _ in page.tags].count("script") == 2  # the plot's data, and what draws it
    assert "<script>alert(1)</script>" in page.headings[0][1]  # as text


def test_many_regions_are_bounded_and_said():
    text, page = of(many(2000, False))
    assert len(text) < 500_000 and "1850 more are in the JSON report" in " ".join(page.tables)


def test_measured_and_modelled_are_told_apart_by_words():
    _, page = of(modelled())
    rows = next(rows for caption, rows in page.tables.items() if "each domain" in caption)
    assert {row[5] for row in rows[1:]} == {"modelled"}
    assert "An estimate" in page.text


def test_the_command_prints_it(capsys, monkeypatch):
    assert main(["report", str(GOLDEN / "run-v1.pcr"), "--format", "html"]) == 0
    assert Page(capsys.readouterr().out).headings[0][0] == 1
    # on a stream that knows ASCII alone
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    print(reports.get("html", stream).render(Run(hostile())), file=stream, flush=True)


def test_without_jinja_it_says_what_to_type(capsys, monkeypatch):
    from pycarbon.web import environment

    environment.cache_clear()
    monkeypatch.setitem(sys.modules, "jinja2", None)
    assert main(["report", str(GOLDEN / "run-v1.pcr"), "--format", "html"]) == 1
    assert "pip install jinja2" in capsys.readouterr().err
