"""The migrations of the store's tables, one file each."""

from pathlib import Path

FOLDER = Path(__file__).parent
