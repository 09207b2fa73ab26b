"""The UI and the REST API with a large archive: `benchmarks.pages` and `benchmarks.rest` over the same rows.

python -m benchmarks.web [--rows 100000] [--repeats 30] [--cpu]
"""

from __future__ import annotations

import sys

from benchmarks import pages
from benchmarks.large import compare
from benchmarks.rest import LISTS

if __name__ == "__main__":
    pages.prepare()
    sys.exit(compare([pages.RERUNS, LISTS], __doc__ or ""))
