"""The command line that composes edge, portal and store into a running system."""

from importlib.metadata import version

__version__ = version("statflow")
