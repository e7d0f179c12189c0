"""Whether this container's process is ready: a worker or a bridge, whichever listens in it.

Ends with 0 when /readyz says 200, with 1 when it says why not, or when nobody listens.
"""

import http.client
import json
import os
import sys

from dotenv import dotenv_values

SECONDS = 4.0
PORTS = (("TOKENSHARE_WEB_PORT", "6066"), ("TOKENSHARE_BRIDGE_PORT", "6067"))
#: Of an answer; it ends in `docker inspect`.
SHOWN_BYTES = 1000


def main() -> int:
    """Ask the first port that answers; what is printed is in `docker inspect`."""
    # A file .env may be mounted where the process is started, and so is this one.
    settings = {name.upper(): value for name, value in dotenv_values(".env").items()}
    for variable, default in PORTS:
        port = os.environ.get(variable) or settings.get(variable) or default
        try:
            status, said = ask(int(port))
        except (OSError, ValueError, http.client.HTTPException) as error:
            print(f"port {port}: {visible(str(error))}")
            continue
        if status != http.client.OK:
            print(visible(said))
            return 1
        print(json.dumps({"ready": True, "port": int(port)}))
        return 0
    return 1


def ask(port: int) -> tuple[int, str]:
    """Return status and body of /readyz, from this port and from nowhere that it points to."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        return answer.status, answer.read(SHOWN_BYTES).decode(errors="replace")
    finally:
        connection.close()


def visible(text: str) -> str:
    """Return a text without what a terminal would obey."""
    return "".join(each if each.isprintable() else " " for each in text)


if __name__ == "__main__":
    sys.exit(main())
