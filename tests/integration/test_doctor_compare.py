"""pycarbon doctor --compare: two sources of one live counter agree, and a wrong unit is found."""

from __future__ import annotations

import json

import pytest
from powercap_emulator import PowercapEmulator

from pycarbon.commands import main

CPU = "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: {}\nmodel name\t: x\nflags\t\t: fpu\n"


@pytest.mark.parametrize("model, factor, status", [(0x6A, 1, 0), (0x8F, 4, 1)], ids=["right", "four times off"])
def test_powercap_and_registers(capsys, model, factor, status):
    # GIVEN powercap and registers that show the same energy, on a part whose memory counts in 15.3 µJ, or is said
    # to count in 61 µJ and does not
    with PowercapEmulator(packages=2, zones=("core", "dram"), msr="intel") as emulator:
        (emulator.root / "proc").mkdir()
        (emulator.root / "proc/cpuinfo").write_text(CPU.format(model))
        # WHEN they are compared THEN packages agree, and memory by the factor of its unit
        assert main(["doctor", "--compare", "--json", "--seconds", "0.5", "--root", str(emulator.root)]) == status
    told = json.loads(capsys.readouterr().out)
    assert told["agree"] is (status == 0) and len(told["comparisons"]) == 6
    for comparison in told["comparisons"]:
        expected = factor if comparison["domain"].startswith("dram") else 1
        assert comparison["factor"] == pytest.approx(expected, rel=0.02)
        assert comparison["agree"] is (expected == 1)
        assert [reading["source"] for reading in comparison["readings"]] == ["powercap", "msr"]


def test_nothing_to_compare(capsys, tmp_path):
    (tmp_path / "sys").mkdir()
    assert main(["doctor", "--compare", "--root", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "Nothing to compare: no domain can be read here through two sources.\n"
