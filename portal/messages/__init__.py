"""What a site sends by itself: to whom, by which way, once; the page on it."""
