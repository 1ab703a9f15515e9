"""The pytest plugin in pytest processes of its own, beside an emulator that knows the truth."""

from __future__ import annotations

import importlib.metadata
import json
import re
import textwrap
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from powercap_emulator import PowercapEmulator

pytest_plugins = ["pytester"]

PACKAGE_W, DRAM_W = 50.0, 8.0
POWER_W = PACKAGE_W + DRAM_W

WORK = """
import os, time
from pathlib import Path

import pytest

def spend(seconds):
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        pass
"""


@pytest.fixture(scope="module")
def root():
    """A machine with known power."""
    with PowercapEmulator(power_w={"package": PACKAGE_W, "dram": DRAM_W}, zones=("dram",)) as emulator:
        yield emulator.root


@pytest.fixture
def run(pytester, monkeypatch):
    """Runs pytest on a test file with no plugins but ours and those that are named."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("PYCARBON_ZONE", "FRA")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)

    def start(tests: str, *arguments: object, plugins: tuple[str, ...] = (), conftest: str = ""):
        pytester.makepyfile(test_it=WORK + textwrap.dedent(tests))
        if conftest:
            pytester.makeconftest(conftest)
        named = [f"-p{name}" for name in ("pycarbon.pytest_plugin", *plugins)]
        return pytester.runpytest_subprocess(*named, "-pno:cacheprovider", *map(str, arguments), timeout=60)

    return start


def of_test(content: dict, name: str) -> dict:
    (found,) = [test for test in content["tests"] if test["test"].endswith(f"::{name}")]
    return found


def assert_true(figure: dict) -> None:
    truth_j = POWER_W * figure["time_s"]
    assert figure["low_j"] <= truth_j <= figure["high_j"]
    assert figure["co2e_low_g"] <= figure["co2e_g"] <= figure["co2e_high_g"]


def test_joules_per_test_are_true_and_limits_are_enforced(run, root, pytester):
    # GIVEN tests of known length, with limits that are kept, exceeded, and too near to tell
    result = run(
        """
        @pytest.mark.energy_limit("1 MJ")
        def test_within(): spend(0.1)

        @pytest.mark.energy_limit("1 mJ")
        def test_beyond(): spend(0.2)

        @pytest.mark.xfail(strict=True)
        @pytest.mark.energy_limit("1 mJ")
        def test_beyond_as_expected(): spend(0.2)

        @pytest.mark.energy_limit("1 nJ")
        def test_open(): pass

        @pytest.fixture
        def prepared():
            spend(0.1)
            yield
            spend(0.05)

        def test_fixtures(prepared): pass

        @pytest.mark.skip
        def test_skipped(): pass

        @pytest.fixture
        def broken(): raise ValueError("no such thing")

        @pytest.mark.energy_limit("1 mJ")
        def test_broken(broken): pass

        def test_block(energy):
            start_ns = time.monotonic_ns()
            with energy() as used:
                assert used.kind == "unknown"
                spend(0.1)
            time_s = (time.monotonic_ns() - start_ns) / 1e9
            assert used.kind == "measured" and "J (" in repr(used)
            assert used.low_j <= used.energy_j <= used.high_j and used.low_j < 58 * time_s
            assert used.high_j > 58 * 0.1 and 0 < used.co2e_low_g <= used.co2e_g <= used.co2e_high_g

        def test_forks(energy):
            child = os.fork()
            if not child:
                with energy() as used: spend(0.01)
                os._exit(0 if used.kind == "unknown" and "forked" in used.note else 1)
            assert os.waitpid(child, 0)[1] == 0
        """,
        "--energy",
        f"--energy-root={root}",
        "--energy-json",
        "out/energy.json",
        "--junitxml",
        "junit.xml",
    )
    # THEN only what is certainly too much fails, with a line that says so
    result.assert_outcomes(passed=5, failed=1, xfailed=1, skipped=1, errors=1)
    text = result.stdout.str()
    (said,) = set(re.findall(r"used .* J \(.*\), its limit is 1 mJ", text))
    assert float(said.split()[1]) == pytest.approx(POWER_W * 0.2, rel=0.3)
    assert re.search(r"::test_open: used .* which cannot be told from its limit of 1 nJ", text)
    assert "energy: measured, package-0 + dram-0 of this machine through powercap" in text
    # AND what the JSON says of each is true
    content = json.loads((pytester.path / "out/energy.json").read_text())
    calls = ("test_within", "test_beyond", "test_beyond_as_expected", "test_block")
    for figure in [of_test(content, name)["call"] for name in calls]:
        assert figure["kind"] == "measured"
        assert_true(figure)
    fixtures = of_test(content, "test_fixtures")
    assert fixtures["setup"]["time_s"] >= 0.1 and fixtures["teardown"]["time_s"] >= 0.05
    assert_true(fixtures["setup"])
    assert_true(fixtures["teardown"])
    assert_true(content["session"])
    outcomes = {name: of_test(content, name)["outcome"] for name in ("test_beyond", "test_skipped", "test_broken")}
    assert outcomes == {"test_beyond": "failed", "test_skipped": "skipped", "test_broken": "failed"}
    assert of_test(content, "test_beyond")["limit"] == {"limit_j": 0.001, "outcome": "exceeded"}
    assert of_test(content, "test_within")["limit"]["outcome"] == "kept"
    assert of_test(content, "test_broken")["limit"] is None and content["emissions"]["zone"] == "FRA"
    # AND so does the XML
    cases = {case.get("name"): case for case in ElementTree.parse(pytester.path / "junit.xml").iter("testcase")}
    written = {each.get("name"): each.get("value") for each in cases["test_within"].iter("property")}
    assert float(written["energy_j"]) == of_test(content, "test_within")["call"]["energy_j"]
    assert written["energy_kind"] == "measured" and {"energy_low_j", "energy_high_j", "co2e_g"} <= written.keys()
    assert "its limit is 1 mJ" in cases["test_beyond"].find("failure").get("message")


SHARED = """
    def readers(root):
        found = set()
        for link in Path("/proc").glob("[0-9]*/fd/*"):
            try:
                target, info = os.readlink(link), Path(f"/proc/{link.parts[2]}/fdinfo/{link.name}").read_text()
                reads = int(info.split("flags:")[1].split()[0], 8) & os.O_ACCMODE == os.O_RDONLY
                if reads and target.startswith(root) and target.endswith("/energy_uj"):
                    found.add(int(link.parts[2]))
            except OSError:
                pass
        return found

    @pytest.mark.parametrize("number", range(4))
    def test_one_reader(number, energy, request):
        with energy() as used:
            spend(0.2)
        assert readers(str(request.config.getoption("energy_root"))) == {os.getppid()}
        assert used.kind == "attributed" and used.low_j <= used.energy_j <= used.high_j
        assert used.high_j > 0.2 * 58

    @pytest.mark.energy_limit("1 mJ")
    def test_beyond(): spend(0.2)

    @pytest.mark.energy_limit("5 elephants")
    def test_no_good(): pass
"""


def test_workers_of_xdist_ask_the_one_process_that_reads_the_counters(run, root, pytester):
    result = run(
        SHARED,
        "-n2",
        "--energy",
        f"--energy-root={root}",
        "--energy-json",
        "energy.json",
        "--junitxml",
        "junit.xml",
        plugins=("xdist",),
    )
    result.assert_outcomes(passed=4, failed=1, errors=1)
    text = result.stdout.str()
    assert re.search(r"used .* J \(.*\) as its share by CPU time, its limit is 1 mJ", text)
    assert "an energy limit is a text such as" in text and "joules of tests, attributed" in text
    content = json.loads((pytester.path / "energy.json").read_text())
    for number in range(4):
        figure = of_test(content, f"test_one_reader[{number}]")["call"]
        assert figure["kind"] == "attributed" and figure["energy_j"] <= figure["high_j"]
        assert figure["high_j"] >= POWER_W * figure["time_s"]
    assert content["session"]["kind"] == "measured"
    assert 'name="energy_kind" value="attributed"' in (pytester.path / "junit.xml").read_text()


def test_workers_without_the_option_ask_all_the_same_and_whatever_breaks_is_a_note(run, root):
    # GIVEN one worker, alone with the machine, that gets at the counters, and later does not any more
    result = run(
        """
        def test_before(energy):
            with energy() as used: spend(0.05)
            assert used.kind == "measured"

        def test_after(energy, request):
            import socket
            from pycarbon.integrations import exchange
            address = Path(request.config.workerinput["pycarbon"])
            address.unlink()
            request.config.pluginmanager.get_plugin("pycarbon-energy")._asking.close()
            with energy() as used: spend(0.05)
            assert used.kind == "unknown" and used.energy_j != used.energy_j
        """,
        "-n1",
        f"--energy-root={root}",
        plugins=("xdist",),
    )
    result.assert_outcomes(passed=2)
    text = result.stdout.str()
    assert text.count("some figures are missing: ") == 1 and "joules" not in text


BENCHMARKS = """
    def test_spend(benchmark): benchmark(spend, 0.001)

    def test_rare(benchmark):
        benchmark.pedantic(spend, (0.08,), setup=lambda: time.sleep(0.09), rounds=4)

    def test_once(benchmark): benchmark.pedantic(spend, (0.01,), rounds=1)
"""


def test_benchmarks_carry_joules_show_them_save_them_and_compare_them(run, root, pytester):
    arguments = ("--energy", f"--energy-root={root}", "--benchmark-max-time=0.3", "--benchmark-columns=mean,rounds")
    plugins = ("pytest_benchmark.plugin",)
    # WHEN benchmarks run and are saved
    first = run(BENCHMARKS, *arguments, "--benchmark-save=first", plugins=plugins)
    first.assert_outcomes(passed=3)
    # THEN each says what an iteration used, near power times time, or why that is not known
    (saved,) = (pytester.path / ".benchmarks").rglob("*first.json")
    found = {each["name"]: each for each in json.loads(saved.read_text())["benchmarks"]}
    for name in ("test_spend", "test_rare"):
        info, mean_s = found[name]["extra_info"], found[name]["stats"]["mean"]
        assert info["energy_resolved"] and info["energy_kind"] == "measured"
        low, best, high = (info[f"energy_{end}j_per_iteration"] for end in ("low_", "", "high_"))
        assert low <= best <= high and best == pytest.approx(POWER_W * mean_s, rel=0.25)
        assert low <= POWER_W * mean_s <= high or best == pytest.approx(POWER_W * mean_s, rel=0.05)
        assert (
            0 < info["co2e_low_g_per_iteration"] <= info["co2e_g_per_iteration"] <= info["co2e_high_g_per_iteration"]
        )
    unresolved = found["test_once"]["extra_info"]
    assert unresolved["energy_resolved"] is False and "rounds= of pedantic" in unresolved["energy_note"]
    assert "energy_j_per_iteration" not in unresolved
    # AND its table has the columns
    heading, rule, *rows = table_of(first)
    assert heading.split()[-3:] == ["Rounds", "Energy", "CO2e"] and len(rule) >= len(heading)
    assert re.search(r"test_spend .* mJ \([\d.]+ to [\d.]+\) .*[nµ]g \(", "\n".join(rows))
    assert "not resolved" in "\n".join(rows)
    # WHEN they run again and are compared THEN the saved figures stand beside the new ones
    second = run(BENCHMARKS, *arguments, "--benchmark-compare", plugins=plugins)
    heading, _, *rows = table_of(second)
    assert heading.rstrip().endswith("Energy now") and len(rows) == 6
    (before,) = [row for row in rows if row.startswith("test_spend (0001_")]
    kept = found["test_spend"]["extra_info"]["energy_j_per_iteration"]
    assert f"{1e3 * kept:.3g}"[:2] in before and re.search(
        r"[+-][\d.]+ %, intervals (apart|overlap)$", before.rstrip()
    )


def table_of(result) -> list[str]:
    """The heading, the rule and the rows of the one table of benchmarks."""
    lines = result.stdout.lines if hasattr(result.stdout, "lines") else result.outlines
    start = next(number for number, line in enumerate(lines) if re.fullmatch(r"-+ benchmark.* tests -+", line))
    end = next(number for number in range(start + 3, len(lines)) if set(lines[number]) == {"-"})
    return lines[start + 1 : end]


def test_without_counters_everything_is_modelled_and_that_is_said_once(run, tmp_path):
    (tmp_path / "bare/sys").mkdir(parents=True)
    result = run(
        """
        @pytest.mark.energy_limit("1 nJ")
        def test_limit(): spend(0.01)

        @pytest.mark.energy_limit("1 nJ")
        def test_other(): spend(0.01)

        def test_block(energy):
            with energy() as used: spend(0.01)
            assert used.kind == "modelled" and not used.resolved and 0 < used.low_j <= used.energy_j

        def test_fast(benchmark):
            benchmark(spend, 0.0001)
            assert benchmark.extra_info == {}
        """,
        "--energy",
        f"--energy-root={tmp_path / 'bare'}",
        "--benchmark-max-time=0.05",
        "--benchmark-json=b.json",
        plugins=("pytest_benchmark.plugin",),
    )
    result.assert_outcomes(passed=4)
    text = result.stdout.str()
    assert text.count("energy: modelled from CPU time, as no counter can be read") == 1
    assert text.count("not checked: no counter can be read") == 1 and "limits of 2 tests" in text
    assert "joules of tests, modelled" in text
    (found,) = json.loads(Path("b.json").read_text())["benchmarks"]
    info = found["extra_info"]
    assert info["energy_kind"] == "modelled" and info["energy_resolved"] is False
    assert 0 < info["energy_low_j_per_iteration"] < info["energy_j_per_iteration"]


def test_a_limit_alone_begins_it_and_counts_for_maxfail(run, root):
    result = run(
        """
        def test_first(): pass

        @pytest.mark.energy_limit("1 mJ")
        def test_beyond(): spend(0.2)

        def test_never(): pass
        """,
        "-x",
        f"--energy-root={root}",
    )
    result.assert_outcomes(passed=1, failed=1)
    assert "stopping after 1 failures" in result.stdout.str()
    assert "joules" not in result.stdout.str()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "test_it.py::test_it: an energy limit is a text such as"),
        (("--energy-root", "nowhere"), "--energy-root: nowhere has no folder sys in it"),
        (("--energy-top", "-3"), "'-3' is no whole number"),
    ],
)
def test_wrong_usage_is_a_line(run, arguments, said):
    result = run('@pytest.mark.energy_limit("5")\ndef test_it(): pass', *arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert said in result.stderr.str() and "Traceback" not in result.stderr.str()


def test_what_cannot_be_written_is_a_note(run, root, pytester):
    result = run("def test_it(): pass", f"--energy-root={root}", "--energy-json", pytester.path)
    result.assert_outcomes(passed=1)
    assert "some figures are missing: [Errno" in result.stdout.str()


NOTHING_LOADED = """
def test_it():
    import sys
    loaded = {name for name in sys.modules if name.split(".")[0] in ("pycarbon", "numpy")}
    assert loaded <= {"pycarbon", "pycarbon._version", "pycarbon.pytest_plugin"}, loaded
"""


def test_who_does_not_ask_gets_nothing_loaded(run):
    run(NOTHING_LOADED, "--strict-markers", "-Werror").assert_outcomes(passed=1)


def test_it_is_installed_and_can_be_left_out(pytester, monkeypatch):
    # what is installed is what pyproject.toml said when it was: `pip install -e .` brings it up to date
    entries = [entry for each in importlib.metadata.distributions() for entry in each.entry_points]
    assert ("pytest11", "pycarbon", "pycarbon.pytest_plugin") in {(e.group, e.name, e.value) for e in entries}
    pytester.makepyfile(NOTHING_LOADED.replace(', "pycarbon.pytest_plugin"', ""))
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", raising=False)
    result = pytester.runpytest_subprocess("-pno:pycarbon", "-pno:cacheprovider", timeout=60)
    result.assert_outcomes(passed=1)
