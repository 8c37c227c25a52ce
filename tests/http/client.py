"""A client that openapi-python-client has generated, used as a program would: it uploads a plugin, sweeps, and reads results.

Never fetches anything itself: every request goes through the generated package `host_client`.
"""

import sys
import time
from http import HTTPStatus
from io import BytesIO
from pathlib import Path

from host_client import AuthenticatedClient
from host_client.api.default import plugins, relabel, remove, results, returns, submit, sweep, trust, upload_plugin
from host_client.models import Period, Problem, Relabel, State, SubmitReturns, Sweep, SweepRequest
from host_client.types import File

ENDED = (State.FINISHED, State.CANCELLED, State.INTERRUPTED, State.FAILED)


def main(url: str, token: str, component: Path) -> None:
    client = AuthenticatedClient(base_url=url, token=token, timeout=60)
    uploaded = upload_plugin.sync_detailed("mine", client=client, body=File(payload=BytesIO(component.read_bytes())))
    assert uploaded.status_code == HTTPStatus.CREATED, uploaded
    assert uploaded.headers["location"] == "/plugins/mine"
    assert "mine" in [plugin.name for plugin in plugins.sync(client=client).plugins]

    request = SweepRequest(plugin="mine", params=["lookback=20..200:20"], top=3, period=Period(from_="2014-01-01"))
    done = finished(client, submit.sync(client=client, body=request, returns=SubmitReturns.DAY))
    assert (done.id, done.total, done.done, done.failed, len(done.ranking)) == (1, 10, 10, 0, 3), done
    rows = results.sync(done.id, client=client, columns="lookback,sharpe")["rows"]
    assert len(rows) == 10 and max(sharpe for _, sharpe in rows) == done.best.value, rows
    assert returns.sync(done.id, client=client).payload.read(6) == b"ARROW1"
    assert trust.sync(done.id, client=client, draws=200)["combinations"] == 10
    named = relabel.sync(done.id, client=client, body=Relabel(name="by a generated client"))
    assert named.name == "by a generated client", named

    for body in (
        SweepRequest.from_dict({"plugin": "sma_cross", "grid": {"fast": [5, 10.0], "slow": {"from": 20, "to": 40, "step": 20}}}),
        SweepRequest.from_dict({"plugin": "bracket", "params": ["stop_loss=0.01"], "account": {"commission_bps": 5}}),
        SweepRequest.from_dict({"plugin": "momentum", "params": ["lookback=20,40"], "period": {"from": "2014-01-01"}}),
    ):
        assert finished(client, submit.sync(client=client, body=body)).failed == 0, body
    refused = submit.sync(client=client, body=SweepRequest(plugin="nobody"))
    assert isinstance(refused, Problem) and refused.status == 404 and "unknown plugin `nobody`" in refused.detail, refused
    gone = finished(client, submit.sync(client=client, body=request))
    assert remove.sync_detailed(gone.id, client=client).status_code == HTTPStatus.NO_CONTENT
    assert isinstance(sweep.sync(gone.id, client=client), Problem)
    print(f"sweep {done.id}: {done.done} combinations, the best {done.best.task_id} with {done.objective} {done.best.value:.4f}")


def finished(client: AuthenticatedClient, found: "Sweep | Problem | None") -> Sweep:
    """Waits for the end of a sweep."""
    assert isinstance(found, Sweep), found
    deadline = time.monotonic() + 60
    while found.state not in ENDED:
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
        found = sweep.sync(found.id, client=client)
    assert found.state == State.FINISHED, found
    return found


main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
