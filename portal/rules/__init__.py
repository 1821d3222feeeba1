"""A site's own rules: the page that edits them and tries addresses."""
