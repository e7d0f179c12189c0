"""kafka-python's network client with a limit for the TLS handshake, for which it waits for ever.

A frozen broker, a firewall and a port without TLS accept a connection and never answer. Whoever
connects would hang: a worker at its start, its checks while it runs, a producer's thread.
"""

from __future__ import annotations

import ssl
import time
from typing import Any

from kafka.errors import KafkaConnectionError, KafkaError
from kafka.net.compat import KafkaNetClient
from kafka.net.inet import create_connection
from kafka.net.manager import KafkaConnectionManager
from kafka.net.selector import NetworkSelector
from kafka.net.transport import KafkaSSLTransport

#: As long as a connection of aiokafka's clients gets for TCP and TLS.
HANDSHAKE_SECONDS = 3.0


class BoundedClient(KafkaNetClient):  # type: ignore[misc]
    """The option `kafka_client` of kafka-python's clients."""

    def __init__(self, **configs: Any) -> None:
        net = NetworkSelector(**configs)
        super().__init__(net, _Manager(net, **configs), **configs)


class _Manager(KafkaConnectionManager):  # type: ignore[misc]
    async def _build_transport(self, node: Any, timeout_at: float | None = None) -> Any:
        if not self.ssl_enabled:
            return await super()._build_transport(node, timeout_at=timeout_at)
        sock = await create_connection(
            *(self._net, node.host, node.port, self.config["socket_options"]),
            proxy_url=self.config["proxy_url"],
            timeout_at=timeout_at,
        )
        given = {name: value for name, value in self.config.items() if name.startswith("ssl_")}
        transport = _Transport(self._net, sock, host=node.host, **given)
        try:
            await transport.handshake()
        except (KafkaError, OSError) as error:
            transport.abort()
            raise KafkaConnectionError(f"Handshake failed: {error}") from None
        return transport


class _Transport(KafkaSSLTransport):  # type: ignore[misc]
    async def handshake(self) -> None:
        timeout_at = time.monotonic() + HANDSHAKE_SECONDS
        while True:
            try:
                self._sock.do_handshake()
            except ssl.SSLWantReadError:
                await self._net.wait_read(self._sock, timeout_at)
            except ssl.SSLWantWriteError:
                await self._net.wait_write(self._sock, timeout_at)
            else:
                return
