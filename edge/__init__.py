"""The edge: reverse proxy, injector, collector, buffer and forwarder.

It stands in customers' traffic. Whatever fails in here, the customer's page goes through unchanged.
"""
