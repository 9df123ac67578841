"""The subcommands of `python -m ldm`: parse, call, print."""
