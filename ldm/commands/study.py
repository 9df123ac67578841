"""Measure: what docs/measurements.md says is written by these."""

import typer

from evaluation.studies.pairs import pairs
from evaluation.studies.strangers import strangers

app = typer.Typer(no_args_is_help=True, help="Measure: what docs/measurements.md says is written by these.")
app.command("pairs")(pairs)
app.command("strangers")(strangers)
