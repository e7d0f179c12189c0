"""Which models, by origin, and which languages account for our LLM tokens, and has that changed?

What happens to a record, a folder a stage:

    kafka -> decode -> classify -> counting -> state -> shares -> shifts -> web

Who runs it: worker, gateway, report, demo, cli. What all of them need: settings, process.
`state` is the waist: `counting` writes to it, `shares`, `shifts` and `web` read from it, and the
two sides never import each other. tests/test_architecture.py lists who imports whom, and holds it.
"""
