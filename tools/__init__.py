"""What maintainers run: the site of the pages, and releases. No part of what is installed."""
