"""Channels to AlphaPO's services and settings of Kafka clients, from environment variables (see README.md)."""

import os
from pathlib import Path

import grpc


def open_channel(variable: str, default: str) -> grpc.Channel:
    """A channel to the address in `variable`: with TLS where ALPHAPO_TLS_CA is set, with a token where ALPHAPO_TOKEN_FILE is."""
    address = os.environ.get(variable, default)
    authorities = os.environ.get("ALPHAPO_TLS_CA")
    if authorities is None:
        return grpc.insecure_channel(address)
    credentials = grpc.ssl_channel_credentials(Path(authorities).read_bytes())
    token_file = os.environ.get("ALPHAPO_TOKEN_FILE")
    if token_file is not None:
        token = grpc.access_token_call_credentials(Path(token_file).read_text().strip())
        credentials = grpc.composite_channel_credentials(credentials, token)
    return grpc.secure_channel(address, credentials)


def kafka_settings() -> dict[str, str]:
    """TLS where KAFKA_TLS_CA is set, and SCRAM-SHA-512 where KAFKA_USERNAME is, too."""
    settings = {"bootstrap.servers": os.environ.get("KAFKA_BROKERS", "localhost:9092")}
    if "KAFKA_TLS_CA" in os.environ:
        settings |= {"security.protocol": "SSL", "ssl.ca.location": os.environ["KAFKA_TLS_CA"]}
    if "KAFKA_USERNAME" in os.environ:
        settings |= {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": os.environ["KAFKA_USERNAME"],
            "sasl.password": Path(os.environ["KAFKA_PASSWORD_FILE"]).read_text().strip(),
        }
    return settings
