"""`python -m reconcile` is the command line."""

from reconcile.cli import app

app(prog_name="reconcile")
