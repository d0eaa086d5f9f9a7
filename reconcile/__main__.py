"""`python -m reconcile` is the command line."""

from reconcile.cli import app

app()
