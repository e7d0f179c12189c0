"""What gateways write: a record's value and headers become events, one file a format."""
