"""What pages are made of: escaped, readable in light and in dark, and small."""

from __future__ import annotations

import re

import pytest
from page_reader import Page

from pycarbon.web import between, environment, static

LIGHT, DARK = (
    dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block))
    for block in re.findall(r":root \{(.*?)\}", static("style.css"), re.DOTALL)[:2]
)
SERIES = [f"s{number}" for number in range(1, 9)]


def luminance(colour: str) -> float:
    """As WCAG 2 has it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("colours", [LIGHT, DARK])
def test_contrast_is_enough(colours):
    for ground in ("paper", "raised", "sunken"):
        for text in ("ink", "soft", "accent"):
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
        for line in [*SERIES, "firm"]:
            assert contrast(colours[line], colours[ground]) >= 3, (line, ground)
    assert contrast(colours["warn"], colours["warn-tint"]) >= 4.5
    assert contrast(colours["accent"], colours["tint"]) >= 4.5


def test_both_schemes_have_the_same_colours_and_the_style_is_small_and_ascii():
    assert set(LIGHT) == set(DARK)
    for name in ("style.css", "power.js", "uPlot.min.css", "uPlot.iife.min.js"):
        assert static(name).isascii() and "</" not in static(name).lower().replace("</g", "")
    assert len(static("style.css")) < 15_000 and "http" not in static("style.css").replace('href^="http"', "")


def test_macros_escape_and_say_the_kind():
    page = environment().from_string(
        '{% import "macros.html" as m %}'
        '{{ m.figure("<b>", "1 J", "0 to 2 J", "modelled", "<i>") }}{{ m.badge("measured") }}{{ m.badge("") }}'
        '{{ m.table("<caption>", [{"text": "a"}, {"text": "b", "num": true}], [["<x>", "2"]], ["sum", "2"]) }}'
        '{{ m.facts([["known", "<y>"], ["not", none]]) }}{{ m.data("it", {"a": "</script><!--"}) }}{{ m.share(2) }}'
    )
    found = Page(page.render())
    assert found.tables == {"<caption>": [["a", "b"], ["<x>", "2"], ["sum", "2"]]}
    assert found.data("it") == {"a": "</script><!--"}
    assert (
        "modelled" in found.text
        and "not known" in found.text
        and not {"b", "i", "x", "y"} & {t for t, _ in found.tags}
    )


@pytest.mark.parametrize("root", ["", "/shared/x.y"])
def test_a_page_that_is_served_has_nothing_inline(root):
    text = environment().get_template("base.html").render(inline=False, root=root)
    page = Page(text)
    assert "style" not in {tag for tag, _ in page.tags} and page.scripts == []
    assert ("link", {"rel": "stylesheet", "href": f"{root}/static/style.css"}) in page.tags
    assert not [attributes for _, attributes in page.tags if "style" in attributes]


def test_the_range_of_an_equivalent_is_in_its_unit():
    assert between({"low": 90, "high": 7200.0, "unit": "s"}) == "1 min 30 s and 2 h 00 min"
    assert between({"low": 0.5, "high": 1500.0, "unit": "m"}) == "500 mm and 1.50 km"
    assert between({"low": 0.5, "high": 1.0, "unit": "charges"}) == "0.500 and 1.00 charges"
