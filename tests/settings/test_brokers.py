"""A list of brokers is read in one way, and a wrong one says how to write it."""

from __future__ import annotations

import pytest

from streams.gateway.producer import UsageProducer
from streams.settings import SettingsError, load
from streams.settings.brokers import broker_list, host_and_port, refuses_lz4


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("kafka:9092", ("kafka:9092",)),
        ("a:9092, b:9093 ,[::1]:9094", ("a:9092", "b:9093", "[::1]:9094")),
        (" a:9092,,b:9092, ", ("a:9092", "b:9092")),
        ("127.0.0.1:09092", ("127.0.0.1:9092",)),
        ("[fe80::1%eth0]:9092", ("[fe80::1%eth0]:9092",)),
        ("broker_1.example.org.:1", ("broker_1.example.org.:1",)),
        ("bücher.example:9092", ("bücher.example:9092",)),
        (["a:9092 ", "b:9093"], ("a:9092", "b:9093")),
    ],
)
def test_a_list_is_read(given, read):
    assert broker_list(given) == read
    assert load(bootstrap_servers=given).bootstrap_servers == read


@pytest.mark.parametrize(
    ("given", "right"),
    [
        ("::1:9092", r"write \[::1\]:9092"),
        ("::1", r"write \[::1\]:9092"),
        ("2001:db8::7:9093", r"write \[2001:db8::7\]:9093"),
        ("[::1]", r"write \[::1\]:9092"),
        ("kafka", "write kafka:9092"),
        ("a:9092,kafka", "write kafka:9092"),
        ("kafka://host:9093", "write host:9093;"),
        ("PLAINTEXT://host:9093", "write host:9093; the protocol is TOKENSHARE_SECURITY_PROTOCOL"),
        ("SASL_SSL://host:9093/", "write host:9093;"),
        ("https://host", "write host:9092;"),
        ("ssl://::1:9093", r"write \[::1\]:9093;"),
        ("kafka:// ", "such as kafka:9092"),
        ("a:9092 b:9092", "by commas"),
        ("a:9092;b:9092", "host:port, such as kafka:9092"),
        ("kafka:port", "host:port, such as kafka:9092"),
        ("kafka:0", "host:port, such as kafka:9092"),
        ("kafka:65536", "host:port, such as kafka:9092"),
        ("kafka:٩٠٩٢", "host:port, such as kafka:9092"),
        ("kafka:", "host:port, such as kafka:9092"),
        (":9092", "host:port, such as kafka:9092"),
        ("[kafka]:9092", "host:port, such as kafka:9092"),
        ("a..b:9092", "host:port, such as kafka:9092"),
        (f"{'x' * 64}.example:9092", "host:port, such as kafka:9092"),
        ("host:9092/path", "host:port, such as kafka:9092"),
        ("", "at least one broker"),
        (" , ", "at least one broker"),
        ([], "at least one broker"),
    ],
)
def test_a_wrong_list_says_how_to_write_it(given, right):
    with pytest.raises(SettingsError, match=f"^TOKENSHARE_BOOTSTRAP_SERVERS: .*{right}"):
        load(bootstrap_servers=given)
    with pytest.raises(ValueError, match=right):
        UsageProducer(given)


@pytest.mark.parametrize("given", ["kafka://me:hidden@host:9092", "me:hidden@host:9092"])
def test_a_password_in_an_address_is_not_repeated(given):
    with pytest.raises(SettingsError, match="TOKENSHARE_SASL_PASSWORD") as caught:
        load(bootstrap_servers=given)

    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    ("server", "address"),
    [("kafka:9092", ("kafka", 9092)), ("[::1]:9094", ("::1", 9094))],
)
def test_host_and_port_are_those_of_a_socket(server, address):
    assert host_and_port(server) == address


@pytest.mark.parametrize(
    "server",
    [
        "space.servicebus.windows.net:9093",
        "Space.ServiceBus.Windows.Net.:9093",
        "space.servicebus.chinacloudapi.cn:9093",
        "space.servicebus.usgovcloudapi.net:9093",
    ],
)
def test_event_hubs_takes_no_lz4_and_the_setting_is_named(server):
    with pytest.raises(SettingsError, match="TOKENSHARE_COMPRESSION to gzip or none"):
        load(bootstrap_servers=f"kafka:9092,{server}")
    with pytest.raises(ValueError, match=r"takes? .*lz4"):
        UsageProducer(server)
    for codec in ("gzip", "none"):
        load(bootstrap_servers=server, compression=codec)
    UsageProducer(server, compression_type="gzip").close()
    UsageProducer.from_settings(load(bootstrap_servers=server, compression="none")).close()


@pytest.mark.parametrize(
    "server", ["kafka:9092", "servicebus.windows.net.example.org:9092", "[::1]:9092"]
)
def test_any_other_broker_is_written_to_with_lz4(server):
    assert not refuses_lz4(broker_list(server))
    assert load(bootstrap_servers=server).codec == "lz4"
