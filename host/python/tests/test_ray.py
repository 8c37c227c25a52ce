"""Ray: the same rows as on this machine, whatever is lost on the way. A small cluster on loopback; skipped where Ray is not installed."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

if importlib.util.find_spec("ray") is None:
    pytest.skip("Ray is not installed", allow_module_level=True)

# Before Ray is imported: everything on loopback, nothing sent home, no worker killed because the machine is busy.
os.environ.update(
    RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER="0",
    RAY_USAGE_STATS_ENABLED="0",
    RAY_memory_monitor_refresh_ms="0",
    RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO="0",
)

import ray
from ray.cluster_utils import Cluster

import host
from host import _cluster, _components, _native, _node, _ray
from host.parallel import ParallelBacktester, run_multi_strategy, run_parameter_sweep

LOOPBACK = {"node_ip_address": "127.0.0.1", "object_store_memory": 80 << 20}
FAST = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 500,
    "health_check_timeout_ms": 1000,
    "health_check_failure_threshold": 3,
}
"""A dead node is found within two seconds."""

GRID = {"lookback": range(1, 601), "threshold": [0.0, 0.01, 0.02]}
UNDECIDED = ("execution_time", "worker_id")


@pytest.fixture(scope="module")
def cluster():
    """A head that runs nothing, and two nodes of one processor."""
    cluster = Cluster(
        initialize_head=True, connect=False,
        head_node_args={"num_cpus": 0, "include_dashboard": False, "_system_config": FAST, **LOOPBACK},
    )  # fmt: skip
    for _ in range(2):
        cluster.add_node(num_cpus=1, **LOOPBACK)
    ray.init(address=cluster.address, log_to_driver=False, logging_level="CRITICAL")
    yield cluster
    _components._forget()
    ray.shutdown()
    cluster.shutdown()


@pytest.fixture(scope="module")
def bars():
    """Daily bars of a price that swings."""
    import pandas

    close = pandas.Series([100 + (at * at) % 17 + at / 50 for at in range(1_500)], dtype=float)
    index = pandas.date_range("2015-01-01", periods=1_500, name="date")
    columns = {"open": close, "high": close + 1, "low": close - 1, "close": close, "volume": 1000.0}
    return pandas.DataFrame(columns).set_index(index)


def decided(results):
    """What decides rows: all columns but those of time and worker."""
    table = results.to_arrow()
    return table.drop_columns([name for name in UNDECIDED if name in table.column_names])


def both(strategy, grid, data=None, **options):
    there = run_parameter_sweep(data, strategy, grid, progress=False, backend="ray", **options)
    here = run_parameter_sweep(data, strategy, grid, progress=False, **options)
    return there, here


@pytest.mark.parametrize(
    ("strategy", "grid", "options"),
    [
        ("momentum", GRID, {}),
        ("momentum", GRID, {"where": "threshold < lookback / 10000", "require": "trades >= 30", "objective": "sortino"}),
        ("momentum", GRID, {"sample": 100, "seed": 3, "metrics": ["sharpe", "trades"], "period": {"from": "2000-01-01"}}),
        ("bracket", {"fast": [10, 20]}, {"account": {"commission_bps": 5}}),
        ("sma_cross", {"fast": range(2, 40), "slow": range(20, 60)}, {"where": "fast < slow"}),
    ],
)
def test_components_have_the_rows_of_one_machine(cluster, strategy, grid, options):
    there, here = both(strategy, grid, store=False, **options)
    assert decided(there).equals(decided(here))
    assert [result.task_id for result in there.best(5)] == [result.task_id for result in here.best(5)]


def test_each_symbol_alone_and_failures(cluster, bars):
    symbols = {name: bars.iloc[start : start + 400] for name, start in (("A", 0), ("B", 300), ("C", 900))}
    there, here = both("momentum", {"lookback": range(1, 30)}, symbols, each_symbol=True, store=False)
    assert decided(there).equals(decided(here)) and len(there) == 87
    there, here = both("sma_cross", {"fast": [5, 50], "slow": [20]}, store=False)
    assert decided(there).equals(decided(here)) and len(there.failed) == 1


def test_a_file_has_the_same_bytes(cluster, tmp_path):
    run_parameter_sweep(None, "momentum", GRID, progress=False, backend="ray", store=False, out=tmp_path / "there.parquet")
    run_parameter_sweep(None, "momentum", GRID, progress=False, store=False, out=tmp_path / "here.parquet")
    assert (tmp_path / "there.parquet").read_bytes() == (tmp_path / "here.parquet").read_bytes()


def test_rows_come_while_the_sweep_goes_on(cluster):
    grid = {"lookback": range(1, 601)}
    batches = list(host.iter_sweep(None, "momentum", grid, backend="ray", store=False))
    assert sum(batch.num_rows for batch in map(_table, batches)) == 600


def _table(batch):
    import pyarrow

    return pyarrow.table(batch)


def slow(data, n):
    time.sleep(0.02)
    return {"total": float(data["close"].iloc[n]), "n": n}


def test_callables_and_strategies_of_the_broker(cluster, bars):
    there, here = both(slow, {"n": range(60)}, bars)
    assert [(one.task_id, one.result) for one in there] == [(one.task_id, one.result) for one in here]

    @host.targets
    def trend(data, length):
        return (data["close"] > host.indicators.sma(data["close"], length)).astype(float)

    there, here = both(trend, {"length": range(5, 25)}, bars)
    assert [(one.task_id, one.result) for one in there] == [(one.task_id, one.result) for one in here]
    offset = 3
    named = {"first": lambda data: offset, "second": lambda data: len(data)}
    results = run_multi_strategy(bars, named, progress=False, backend="ray")
    assert [one.result for one in results] == [3, len(bars)]
    results = run_multi_strategy(None, ["momentum", "bracket"], progress=False, backend="ray")
    assert [one.success for one in results] == [True, True]


def test_custom_tasks_share_what_they_share(cluster, bars):
    tasks = [host.ParallelTask(str(n), {"data": bars, "n": n}) for n in range(40)]
    with ParallelBacktester(backend="ray") as backtester:
        results = backtester.run_parallel(tasks, lambda task: float(task.params["data"]["close"].iloc[task.params["n"]]))
    assert [one.result for one in results] == [float(value) for value in bars["close"].iloc[:40]]


def test_a_callable_that_kills_its_node_process_has_crashed_alone(cluster, bars):
    def poison(data, n):
        if n == 17:
            os.kill(os.getppid(), signal.SIGKILL)
            time.sleep(5)
        return n

    results = run_parameter_sweep(bars, poison, {"n": range(40)}, progress=False, backend="ray")
    assert [one.result for one in results if one.success] == [n for n in range(40) if n != 17]
    (failed,) = results.failed
    assert (failed.task_id, failed.error_kind) == ("n=17", "crash")


def test_exceptions_and_what_cannot_travel(cluster, bars):
    def strange(data, n):
        if n == 1:
            raise ValueError("one")
        return threading.Lock() if n == 2 else n

    results = run_parameter_sweep(bars, strange, {"n": range(4)}, progress=False, backend="ray")
    assert [one.error_kind for one in results] == [None, "failed", "unpicklable", None]
    locked = run_parameter_sweep(bars, strange, {"n": [0, threading.Lock(), 3]}, progress=False, backend="ray")
    assert [one.error_kind for one in locked] == [None, "unpicklable", None]
    with pytest.raises(host.HostError, match="cannot be sent"):
        lock = threading.Lock()
        run_parameter_sweep(bars, lambda data, n: lock, {"n": [1]}, progress=False, backend="ray")
    with pytest.raises(host.SettingsError, match="custom tasks of a component do not run on Ray"):
        ParallelBacktester(backend="ray").run_parallel([host.ParallelTask("1", {})], "momentum")


POISON = b"lookback\x01\x9e\x1f"
"""How the parameter `lookback=1999` lies in a shard."""


def test_a_component_of_which_a_node_process_dies_has_crashed_alone(cluster):
    class Poisoned(_ray.RayMachines):
        def __init__(self):
            super().__init__()

            def shard(build, cpus, kind, name, jobs, sent):
                if POISON in sent:
                    os._exit(1)
                return _node.run(build, cpus, kind, name, lambda: ray.get(jobs[0]), sent)

            self._task = ray.remote(max_retries=0, scheduling_strategy="SPREAD")(shard)

    grid = {"lookback": [*range(20, 80), 1999, 7]}
    pump = _cluster.Pump(Poisoned())
    try:
        engine = _native.core().Backtester(cluster=pump.bridge)
        request = _components.request_of(grid)
        import json

        core = engine.sweep("momentum", host._frames.dataset(None), json.dumps(request), store=False)
        there = _components.ComponentResults(core, {})
    finally:
        pump.close()
    here = run_parameter_sweep(None, "momentum", grid, progress=False, store=False)
    for one, other in zip(there, here, strict=True):
        if one.params["lookback"] == 1999:
            assert (one.error_kind, one.success) == ("crash", False)
        else:
            assert (one.task_id, one.result) == (other.task_id, other.result)


def test_another_build_is_refused_with_what_mends_it(cluster, monkeypatch):
    class Other(_ray.RayMachines):
        def __init__(self):
            super().__init__()
            self._build = "host 0.0.9 (results 1, messages 1)"

    pump = _cluster.Pump(Other())
    try:
        engine = _native.core().Backtester(cluster=pump.bridge)
        with pytest.raises(host.PluginError, match=r"the driver host 0\.0\.9.*runtime_env"):
            engine.sweep("momentum", host._frames.dataset(None), '{"plugin": "", "grid": {"parameters": {"lookback": [5]}}}', store=False)
    finally:
        pump.close()


def test_each_of_several_sweeps_that_a_failure_hits_says_so(cluster, tmp_path):
    grid = {"lookback": range(1, 2001), "threshold": [n / 1000 for n in range(20)]}
    raised = []

    def sweep(place):
        with pytest.raises(host.HostError, match="the network is down") as error:
            run_parameter_sweep(
                None, "momentum", grid, progress=False, backend="ray", store=False, out=tmp_path / f"{place}.parquet"
            )
        raised.append(error)

    run_parameter_sweep(None, "momentum", {"lookback": [5]}, progress=False, backend="ray", store=False)
    pump = _ray.pump()
    threads = [threading.Thread(target=sweep, args=(place,)) for place in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(1.0)
    pump.bridge.fail("the network is down")
    for thread in threads:
        thread.join(60.0)
    assert len(raised) == 3
    assert not list(tmp_path.glob("?.parquet")), "a file that is not complete has another name"
    # The next one connects anew.
    assert len(run_parameter_sweep(None, "momentum", {"lookback": [5]}, progress=False, backend="ray", store=False)) == 1


def test_what_was_finished_is_kept_after_an_interrupt(cluster, bars):
    def interrupt(finished, total):
        if finished >= 20:
            raise KeyboardInterrupt

    with pytest.raises(host.SweepInterrupted) as stopped:
        run_parameter_sweep(bars, slow, {"n": range(400)}, progress=False, backend="ray", callback=interrupt)
    assert 20 <= len(stopped.value.results) < 400
    grid = {"lookback": range(1, 2001), "threshold": [n / 1000 for n in range(20)]}
    with pytest.raises(host.SweepInterrupted) as stopped:
        run_parameter_sweep(None, "momentum", grid, progress=False, backend="ray", callback=interrupt, store=False)
    assert 20 <= len(stopped.value.results) < 40_000


SCRIPT = """
import os, signal, sys, threading
sys.path[:0] = {path!r}
import ray
ray.init(address={address!r}, log_to_driver=False, logging_level="CRITICAL")
from host.parallel import run_parameter_sweep

def look(finished, total):
    if {dies} and finished > 2000:
        os.kill(os.getpid(), signal.SIGKILL)

grid = {{"lookback": range(1, 2001), "threshold": [n / 1000 for n in range(8)]}}
results = run_parameter_sweep(
    None, "momentum", grid, progress=False, backend="ray", store={store!r}, out={out!r}, callback=look
)
print(results.known)
"""


def test_a_lost_driver_goes_on_from_the_store(cluster, tmp_path):
    def run(dies, name):
        script = SCRIPT.format(
            path=[entry for entry in sys.path if entry], address=cluster.address, dies=dies, store=str(tmp_path / "store"),
            out=str(tmp_path / name),
        )  # fmt: skip
        return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)

    assert run(True, "all.parquet").returncode == -signal.SIGKILL
    again = run(False, "all.parquet")
    assert again.returncode == 0, again.stderr
    # All of them, if it was lost at the very end.
    assert 2000 < int(again.stdout) <= 16_000
    grid = {"lookback": range(1, 2001), "threshold": [n / 1000 for n in range(8)]}
    run_parameter_sweep(None, "momentum", grid, progress=False, store=False, out=tmp_path / "here.parquet")
    assert (tmp_path / "all.parquet").read_bytes() == (tmp_path / "here.parquet").read_bytes()


def test_the_command_on_ray(cluster, tmp_path):
    arguments = ["sweep", "--plugin", "momentum", "--param", "lookback=1..200", "--no-store", "--quiet"]
    environment = {**os.environ, "RAY_ADDRESS": cluster.address, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}

    def run(module, *more):
        return subprocess.run(
            [sys.executable, "-m", module, *arguments, *more], capture_output=True, text=True, env=environment, timeout=120
        )

    there = run("host.ray", "--out", str(tmp_path / "there.parquet"))
    here = run("host", "--out", str(tmp_path / "here.parquet"))
    assert (there.returncode, there.stdout) == (here.returncode, here.stdout), there.stderr
    assert (tmp_path / "there.parquet").read_bytes() == (tmp_path / "here.parquet").read_bytes()
    other = subprocess.run(
        [sys.executable, "-m", "host.ray", "rules"], capture_output=True, text=True, env=environment, timeout=120
    )
    assert (other.returncode, "a cluster runs `sweep` only" in other.stderr) == (2, True), other.stderr


def test_a_node_is_lost_and_one_comes(cluster, tmp_path):
    """The last one: it leaves the cluster with other nodes."""
    bars = host._frames.dataset(None)
    grid = {"lookback": range(1, 2001), "threshold": [n / 1000 for n in range(20)]}
    victims = list(cluster.worker_nodes)[-1:]
    before = _ray.pump().bridge.sent_again

    def look(finished, total):
        if finished > 4000 and victims:
            cluster.remove_node(victims.pop(), allow_graceful=False)
            cluster.add_node(num_cpus=1, **LOOPBACK)

    there = run_parameter_sweep(bars, "momentum", grid, progress=False, backend="ray", store=False, callback=look)
    assert not victims and _ray.pump().bridge.sent_again > before
    here = run_parameter_sweep(bars, "momentum", grid, progress=False, store=False)
    assert decided(there).equals(decided(here))


def test_a_connection_that_has_ended_is_told(cluster):
    """The very last one: it leaves the cluster."""
    address = cluster.address
    run_parameter_sweep(None, "momentum", {"lookback": [5]}, progress=False, backend="ray", store=False)
    ray.shutdown()
    pump = _ray._pump[1]
    pump._thread.join(5.0)
    assert "the connection to Ray has ended" in pump.bridge.failure and not ray.is_initialized()
    ray.init(address=address, log_to_driver=False, logging_level="CRITICAL")
    results = run_parameter_sweep(None, "momentum", {"lookback": [5]}, progress=False, backend="ray", store=False)
    assert results[0].success
