"""Sites: their fields, their settings pages, and what the edges are told of them."""
