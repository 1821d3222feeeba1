"""The ordered list of steps that turns a beacon into an event or a named drop."""
