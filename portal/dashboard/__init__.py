"""The dashboard of one site: what the URL asks, the questions it becomes, how answers look."""
