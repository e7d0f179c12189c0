"""What runs beside the gateway, and never in its way."""
