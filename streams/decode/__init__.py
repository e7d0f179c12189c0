"""Decode the value and headers of records into usage events, and events into rows."""
