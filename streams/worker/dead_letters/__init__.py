"""The way back from the dead letters: read, judged by the decoder of today, sent again."""
