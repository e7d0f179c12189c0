"""Which models and which languages do our LLM tokens go to, by origin, and has that changed?

record -> batch -> event -> classified -> panes of the partition -> table -> view -> window shares
       -> snapshot -> /metrics, API, page
"""
