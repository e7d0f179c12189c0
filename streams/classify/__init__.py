"""Map names of models, languages and tenants to the keys that events are counted under."""
