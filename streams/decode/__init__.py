"""A record's value and headers become usage events, and these become rows."""
