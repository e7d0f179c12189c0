"""Whether this container's process is ready: a worker or a bridge, whichever listens in it.

Ends with 0 when /readyz says 200, with 1 when it says why not, or when nobody listens.
"""

import json
import os
import sys
import urllib.error
import urllib.request

from dotenv import dotenv_values

SECONDS = 4.0
PORTS = (("TOKENSHARE_WEB_PORT", "6066"), ("TOKENSHARE_BRIDGE_PORT", "6067"))


def main() -> int:
    """Ask the first port that answers; what is printed is in `docker inspect`."""
    # A file .env may be mounted where the process is started, and so is this one.
    settings = {name.upper(): value for name, value in dotenv_values(".env").items()}
    for variable, default in PORTS:
        port = os.environ.get(variable) or settings.get(variable) or default
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=SECONDS)
        except urllib.error.HTTPError as error:
            print(error.read().decode(errors="replace")[:1000])
            return 1
        except OSError as error:
            print(f"port {port}: {error}")
            continue
        print(json.dumps({"ready": True, "port": int(port)}))
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
