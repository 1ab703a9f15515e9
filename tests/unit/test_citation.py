"""Citations: of a run, its figures and its source; TeX obeys nothing that a run says."""

from __future__ import annotations

import re

from report_world import example
from test_reports import measured, no_energy

from pycarbon._version import __version__
from pycarbon.analysis import Run
from pycarbon.reports.citation import citation


def test_it_names_the_run_the_versions_the_figures_and_the_source():
    found = citation(Run(example()))
    for said in (
        "3f9ac1d27b5e4a10",
        "2026-11-26",
        __version__,
        "measured",
        "modelled",
        "Ember (2026)",
        "kJ",
        "mg CO2e",
    ):
        assert said in found["text"]
    assert found["bibtex"].startswith("@misc{pycarbon-3f9ac1d27b5e4a10,\n") and "year = {2026}" in found["bibtex"]


def test_hostile_names_are_no_tex():
    data = measured()
    data.meta |= {"id": "\\input{x} }} % & $ # _ ~ ^ \n", "started_at": "}{2026", "pycarbon": "1}\\x"}
    bibtex = citation(Run(data))["bibtex"]
    assert bibtex.count("{") == bibtex.count("}")
    assert not re.search(r"\\[^&%$#_]|(?<!\\)[%&$#_]", bibtex)
    assert "year" not in bibtex


def test_a_run_without_energy_is_cited_too():
    assert "energy not known" in citation(Run(no_energy()))["text"]
