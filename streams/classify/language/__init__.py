"""Which language a prompt is written in: tags that were declared, and detection from text."""
