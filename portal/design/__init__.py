"""The gallery of what pages are made of, for those who build them."""
