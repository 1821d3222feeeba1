"""Bringing exports of other products into a site: upload, trial run, import, removal."""
