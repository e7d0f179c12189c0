# For the official Python image: Debian's Python with its headers, which pip may install into.
FROM debian:trixie-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends libpython3-dev python3-pip python3-venv \
    && rm -rf /var/lib/apt/lists/* /usr/lib/python3*/EXTERNALLY-MANAGED \
    && ln -s /usr/bin/python3 /usr/local/bin/python
CMD ["python3"]
