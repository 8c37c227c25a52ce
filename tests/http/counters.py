"""/metrics, read by prometheus_client in each of its two formats, which say the same.

Never looks at the value of a counter that requests change.
"""

import sys
import urllib.request
from collections.abc import Callable, Iterable
from typing import Any

from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus


def families(url: str, accept: str, parse: Callable[[str], Iterable[Any]]) -> dict[str, str]:
    request = urllib.request.Request(f"{url}/metrics", headers={"Accept": accept})
    with urllib.request.urlopen(request) as answer:
        assert answer.headers.get_content_type() == accept.split(";")[0], answer.headers
        return {family.name: family.type for family in parse(answer.read().decode()) if family.samples}


found = families(sys.argv[1], "application/openmetrics-text; version=1.0.0", openmetrics)
assert found == families(sys.argv[1], "text/plain; version=0.0.4", prometheus), found
expected = {"host_tasks": "counter", "host_sweeps": "gauge", "host_request_seconds": "histogram"}
assert expected.items() <= found.items(), found
print(f"metrics: {len(found)} families in both formats")
