"""The command line: one module per verb; each parses, calls, prints."""

from hilum.cli.app import app, main

__all__ = ["app", "main"]
