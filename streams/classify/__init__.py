"""Names of models, languages and tenants become the keys that events are counted under."""
