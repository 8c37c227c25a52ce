"""Requests that fit: by chance, schemathesis would hardly ever name a plugin and its parameters.

Never changes a request that is meant to be wrong.
"""

import json
import zlib

import schemathesis

# Members that fit any sweep, which keep what was generated.
KEPT = ("top", "bounds", "rank_by", "seed")


@schemathesis.hook("map_case").apply_to(name="POST /sweeps")
def fit(context, case):
    """Makes every second body the request of a small sweep."""
    if not isinstance(case.body, dict) or case.meta is None or case.meta.generation.mode.is_negative:
        return case
    number = zlib.crc32(json.dumps(case.body, sort_keys=True, default=str).encode())
    if number % 2:
        case.body = {name: case.body[name] for name in KEPT if name in case.body}
        case.body |= {"plugin": "momentum", "params": [f"lookback={20 + number % 50}..100:{5 + number % 20}"]}
        case.body["top"] = min(case.body.get("top", 10), 1000)
    return case
