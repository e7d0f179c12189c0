"""The study for one's own traffic: counts of days or weeks, summed up, and shown in five ways."""
