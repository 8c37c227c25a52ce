"""Requests that fit: by chance, schemathesis would hardly name a plugin and its parameters, and would delete what others need.

Never changes a request that is meant to be wrong.
"""

import json
import zlib

import schemathesis
from schemathesis.core.parameters import ParameterLocation

# The sweeps of client.py, which schemathesis.toml asks for.
SWEPT = range(1, 5)

# Members that fit any sweep, which keep what was generated.
KEPT = ("top", "bounds", "rank_by", "seed")

# A report on few bars is made at once.
PERIOD = {"from": "2016-06-01"}


@schemathesis.hook("map_case").apply_to(name="POST /sweeps")
def fit(context, case):
    """Makes every second body the request of a small sweep."""
    if not isinstance(case.body, dict) or case.meta is None or case.meta.is_negative_at(ParameterLocation.BODY):
        return case
    number = zlib.crc32(json.dumps(case.body, sort_keys=True, default=str).encode())
    if number % 2 or case.body.get("plugin") == "momentum":
        case.body = {name: case.body[name] for name in KEPT if name in case.body}
        case.body |= {"plugin": "momentum", "params": [f"lookback={20 + number % 50}..100:{5 + number % 20}"]}
        case.body |= {"top": min(case.body.get("top", 10), 1000), "period": PERIOD}
    return case


@schemathesis.hook("filter_case").apply_to(name="DELETE /sweeps/{id}")
def keep(context, case):
    """Leaves the sweeps of client.py."""
    return str(case.path_parameters.get("id")) not in map(str, SWEPT)
