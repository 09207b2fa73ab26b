"""The shared core of Gazette: what a report is, when it is due, which days it covers and what became of it."""
