"""Arrows point at what is imported: every module imports from the layers below its own, and from no other."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "pycarbon"

LAYERS = [
    "_version  errors  interrupts  interval  domains  microarchitecture  cpu_brand  _native  _marks  _edges",
    "pushing  pushing.address",
    "store.alone  store.connections  ranged  pushing.outbox",
    "dashboard.tries  dashboard.headers  dashboard.receiving  dashboard.signing",
    "dashboard  dashboard.statics  dashboard.links  store.access_tokens  dashboard.sharing",
    "store.rollup  dashboard.page  dashboard.access",
    "notices  store.filters  dashboard.guard",
    "unmarked  ledger  gpu  kernel_timeline  cuda_devices  traces.document  traces.opened  dashboard.filtering",
    "store.options",
    "dashboard.login",
    "exports.text  exports.extras  student  launch  attention  machine  run  updates  shipped  cpus  msr_units",
    "kernel_ledger  dashboard.serving  dashboard.tables  world_map",
    "kernel_records  traced_gpus  dashboard.entry",
    "cuda",
    "traces.collected",
    "contrast  sweeps  change  traces.kineto  traces.nsight",
    "clouds  equivalents  hours  fuels  continents  answers  firmware  quiet  traces",
    "services.reading  services.keys  services.turns  traces.written",
    "zones  described  cloud_metadata  geolocation  services.checks  services.cache  services.transport",
    "intensity  place  services.client  services.electricity_maps_zones  pushing.upload",
    "emissions  factors  place_memory  services.lag",
    "services.electricity_maps  services.uk  services.watttime  what_if",
    "services.eia  services.energinet  services.rte  services.ember",
    "footprint  services",
    "rating  codecarbon",
    "advice  imported",
    "model  energy  frame  oddities  portable  counters  narrow  pyramid",
    "columns  totals  supply  design  least_squares  remedies  counter_lag",
    "metadata  edge_reader  index  wall_clock",
    "spread  kernel_frames",
    "powers",
    "division",
    "ledger_frames  borders  edge_writer",
    "scanning  groups  by_hour",
    "stored",
    "runfile  fold",
    "source_powercap  source_perf  source_msr  source_nvml  kernel_files  store.paths  pushing.whole",
    "series  attribution  sources  growing  settings  store  gaps  regions  calls  pushing.pusher",
    "salvage  home  feeds  marking  remarks  exports.recorded  pushing.known",
    "exports.about  dashboard.homes  pushing.at_end",
    "exports.tables",
    "exports.as_pandas",
    "siting  asking",
    "rated  here",
    "advice_places  advice_hours",
    "analysis  reducing",
    "recount  advice_waste  kernel_tracing  store.summary  reports.power_view  store.amend",
    "advising  store.schema",
    "closing  repair  agreement  meter  coverage  job  comparability  store.rows  store.database",
    "recorder  store.scan  store.queries  store.remote",
    "utilisation  region_sums  merge_notes  samplers  dashboard.rows  store.arrivals  store.sources",
    "merging  metering  run_differences  dashboard.places  store.index",
    "dashboard.opened  store.naming  store.overview  store.imports  dashboard.refreshing  dashboard.pages.runs",
    "store.incoming  dashboard.splits  store.changing",
    "experiment  conditions  dashboard.checking  commands.tag",
    "doubts  command_trials  function_trials  dashboard.uploads",
    "comparison  kernel_trials",
    "recording  live  reports.figures",
    "reports.carbon  reports.changes  kernel_cost  reports.cells  alignment  dashboard.bars  dashboard.notes",
    "commands.push",
    "commands.index  commands.import  commands.mv  commands.rm",
    "dashboard.world",
    "web.power_plot  reports.words",
    "commands.token  commands.share  reports.citation  reports.run_facts  web",
    "dashboard.hints",
    "reports.as_json  reports.screen  reports.stream  reports.bar  reports.tree  kernel_figures",
    "dashboard.rendering  dashboard.pages.project  dashboard.pages.overview  reports.icicle  dashboard.live_runs",
    "reports.runs_json",
    "dashboard.pages.what_if",
    "reports.verdicts  reports.text  reports.kernels_json  dashboard.pages.experiment  dashboard.pages.live",
    "reports.contrast_rows  reports.contrast_plot  reports.kernels_text  reports.run_view  reports.sums_text",
    "reports.contrast_text  reports.contrast_exports  reports.contrast_html  reports.as_html  reports.project_text",
    "reports.runs_text",
    "reports.advice_text  reports.advice_json  commands.ls",
    "reports.merged_text  reports.merged_json  reports.compared_rows  reports.compared_table  dashboard.pages.run",
    "reports.compared_text  reports.compared_json  reports.compared_csv  reports.compared_markdown",
    "reports  exports.tracks  exports.spans  exports.output  dashboard.pages.compare",
    "exports.as_parquet  exports.as_csv  exports.as_perfetto  exports.as_chrome_trace  kernel_trace  commands.show",
    "dashboard.pages",
    "exports.as_json  comparing  kernel_repeats  commands.kernels  dashboard.app",
    "exports  commands.dashboard  commands.serve",
    "commands.run  commands.report  commands.export  commands.doctor  commands.top  commands.merge  commands.repair",
    "commands.intensity  commands.zones  commands.advise  commands.bench  commands.compare",
    "integrations  integrations.span  integrations.figure",
    "integrations.row  integrations.energy_limit  integrations.spending  integrations.exchange  integrations.meter",
    "integrations.tests_text  integrations.tests_json  integrations.benchmark_rounds",
    "integrations.benchmark_table",
    "integrations.benchmarks",
    "integrations.tests_energy",
    "pytest_plugin",
    "commands",
    "__main__",
]
"""From the ground up. A new module belongs into one of these, above everything it imports."""

LAYER_OF = {name: number for number, layer in enumerate(LAYERS) for name in layer.split()}


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for kind in ("*.py", "*.pyx") for path in PACKAGE.rglob(kind)}
CHECKED = sorted(name for name, path in MODULES.items() if name and path.suffix == ".py")


def imported_by(path: Path) -> set[str]:
    """The modules of pycarbon that a file imports, also within functions and for type checkers."""
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively: write the name out"
            whole = [f"{node.module}.{alias.name}" for alias in node.names]
            names += [name if name.removeprefix("pycarbon.") in MODULES else node.module for name in whole]
    return {name.removeprefix("pycarbon.") for name in names if name.startswith("pycarbon.")}


def test_every_module_has_its_layer_and_every_layer_its_modules():
    assert set(MODULES) - {""} == set(LAYER_OF)


@pytest.mark.parametrize("name", CHECKED)
def test_a_module_imports_from_the_layers_below_it(name):
    upwards = {other for other in imported_by(MODULES[name]) if LAYER_OF[other] >= LAYER_OF[name]}
    assert not upwards, f"{name} imports {upwards} from its own layer or one above"


def test_doors_do_not_import_each_other():
    doors = {name for name in MODULES if name.startswith("commands.")}
    assert doors
    for door in doors:
        assert not [other for other in imported_by(MODULES[door]) if other.startswith("commands")]


def test_the_boundary_imports_nothing_of_ours():
    text = MODULES["_native"].read_text(encoding="utf-8")
    assert not re.findall(r"^\s*(?:c?import|from) +\.*pycarbon.*", text, re.MULTILINE)


def test_the_core_knows_no_python():
    sources = [path for kind in ("*.c", "*.h") for path in (ROOT / "csrc").glob(kind)]
    assert len(sources) > 10
    for path in sources:
        assert "Python.h" not in path.read_text(encoding="utf-8")


def test_importing_pycarbon_loads_nothing_else():
    code = "import sys, pycarbon; print(*(m for m in sys.modules if m.startswith(('pycarbon', 'numpy'))))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(told.stdout.split()) == {"pycarbon", "pycarbon._version"}


def test_every_public_name_can_be_had():
    code = "import pycarbon; print(*(type(getattr(pycarbon, n)).__name__ for n in pycarbon.__all__), dir(pycarbon))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert told.returncode == 0 and "record" in told.stdout, told.stderr
