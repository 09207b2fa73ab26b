"""The process that executes schedules: from tick and claim through execute and render to deliver and prune."""

import sys

# jsonschema's optional format checker compiles a grammar at import (1.2 to 1.4 s in every process that has the
# `jupyter` metapackage beside it). Nothing here validates IRIs, so the import is made to fail before anything asks.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
