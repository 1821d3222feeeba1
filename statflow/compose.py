"""Composition: build each role's configuration out of settings, paths and services.

The only place where portal and edge meet: the portal gets a function that publishes its sites, the
edge gets the tracker's frozen build, and neither learns of the other.
"""

import asyncio
import logging
import secrets
from dataclasses import dataclass

from redis.asyncio import Redis
from redis.exceptions import RedisError

from edge.app import EdgeConfig
from edge.forwarder.run import ForwarderConfig
from edge.sites_feed import now_ms, publish_snapshot
from portal.app import PortalConfig
from portal.commands import sites_payload_of
from portal.database import upgrade
from statflow.paths import Paths
from statflow.services import (
    database_url,
    geo_database,
    redis_url,
    secret_key,
)
from statflow.settings import Settings
from store.client import Store

log = logging.getLogger(__name__)
