"""What all tests share. Never uses the store or the settings of whoever runs them."""

from __future__ import annotations

import os

os.environ.setdefault("HOST_STORE", "off")
