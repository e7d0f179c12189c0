"""The language of a prompt: declared tags, and detection from text."""
