"""What workers and bridges read as they start, read once in the process that they fork from."""

from __future__ import annotations

import inspect
import sys

from streams.classify.origin import catalog_file
from streams.classify.provider import provider_file

# Both keep what they have read.
catalog_file.builtin_facts()
provider_file.builtin_facts()
# Faust asks which module defines an agent, and inspect then looks at all files that are imported.
inspect.getmodule(sys._getframe(), "no-such-file")
