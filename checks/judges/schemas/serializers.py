"""Confluent's own client for Python: registers, writes and reads by a registry; reads what is given, in hexadecimal, and says what it read."""

import json
import sys

from confluent_kafka.schema_registry import ConfigCompatibilityLevel, Schema, SchemaRegistryClient, SchemaRegistryError, ServerConfig
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

url, avro_bytes, json_bytes = sys.argv[1:4]
registry = SchemaRegistryClient({"url": url})
at = lambda topic: SerializationContext(topic, MessageField.VALUE)

avro = json.dumps({"type": "record", "name": "Order", "fields": [{"name": "id", "type": "string"}, {"name": "total", "type": "int"}]})
value = {"id": "o-1", "total": 5}
written = AvroSerializer(registry, avro)(value, at("python.avro"))
assert AvroDeserializer(registry)(written, at("python.avro")) == value

document = json.dumps(
    {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "order",
        "type": "object",
        "properties": {"id": {"type": "string"}, "total": {"type": "integer"}},
        "required": ["id"],
    }
)
told = JSONSerializer(document, registry)(value, at("python.json"))
assert JSONDeserializer(document, schema_registry_client=registry)(told, at("python.json")) == value

assert "python.avro-value" in registry.get_subjects()
assert registry.get_latest_version("python.avro-value").version == 1
assert registry.test_compatibility("python.avro-value", Schema(avro.replace('"int"', '"long"'), "AVRO"))
assert not registry.test_compatibility("python.avro-value", Schema(avro.replace('"int"', '"string"'), "AVRO"))
try:
    registry.register_schema("python.avro-value", Schema(avro.replace('"int"', '"string"'), "AVRO"))
    raise AssertionError("it registered what is incompatible")
except SchemaRegistryError as error:
    assert error.http_status_code == 409, error
try:
    registry.get_latest_version("nothing")
    raise AssertionError("it found what is not there")
except SchemaRegistryError as error:
    assert error.error_code == 40401, error
registry.set_config("python.json-value", ServerConfig(compatibility=ConfigCompatibilityLevel.FULL))
assert registry.get_config("python.json-value").compatibility_level == ConfigCompatibilityLevel.FULL

ours = AvroDeserializer(registry)(bytes.fromhex(avro_bytes), at("ours.avro"))
theirs = JSONDeserializer(document, schema_registry_client=registry)(bytes.fromhex(json_bytes), at("ours.json"))
print(json.dumps({"avro": written.hex(), "json": told.hex(), "read": [ours, theirs]}))
