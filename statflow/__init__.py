"""The command line that composes edge, portal and store into a running system."""

__version__ = "0.1.0"
