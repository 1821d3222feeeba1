"""Composition: build each role's configuration out of settings, paths and services.

The only place where portal and edge meet: the portal gets a function that publishes its sites, the
edge gets the tracker's frozen build, and neither learns of the other.
"""

import logging

log = logging.getLogger(__name__)
