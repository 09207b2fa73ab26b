"""`python -m runner` is the `gazette` command."""

from runner.cli import main

main()
