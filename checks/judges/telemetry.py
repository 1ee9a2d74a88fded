"""A service in Python that tells of itself: by OpenTelemetry's SDK (protobuf) and by Sentry's.

Called with where the collector is, a traceparent, and the key of Sentry.
"""

import logging
import sys

import sentry_sdk
from opentelemetry import metrics, trace
from opentelemetry._logs import set_logger_provider
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

url, traceparent, key = sys.argv[1:4]
host = url.removeprefix("http://")
resource = Resource.create({"service.name": "pricing", "service.version": "3.1"})

tracers = TracerProvider(resource=resource)
tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{url}/v1/traces")))
trace.set_tracer_provider(tracers)
loggers = LoggerProvider(resource=resource)
loggers.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter(f"{url}/v1/logs")))
set_logger_provider(loggers)
log = logging.getLogger("pricing")
log.addHandler(LoggingHandler(level=logging.INFO, logger_provider=loggers))
log.setLevel(logging.INFO)
reader = PeriodicExportingMetricReader(OTLPMetricExporter(f"{url}/v1/metrics"))
meters = MeterProvider(resource=resource, metric_readers=[reader])
metrics.set_meter_provider(meters)

sentry_sdk.init(
    dsn=f"http://{key}@{host}/1",
    release="pricing@3.1",
    default_integrations=False,
    include_local_variables=True,
    max_request_body_size="always",
)


def price_of(product: str) -> int:
    password = "a local secret"
    raise ValueError(f"No price for {product}, {len(password)}")


context = TraceContextTextMapPropagator().extract({"traceparent": traceparent})
with trace.get_tracer("pricing").start_as_current_span("price", context=context) as span:
    log.warning("Looking for the price of %s", "tea")
    metrics.get_meter("pricing").create_counter("prices.asked", unit="{price}").add(3, {"product": "tea"})
    for number in range(2):
        try:
            price_of(f"tea {number}")
        except ValueError as error:
            span.record_exception(error)
            sentry_sdk.capture_exception(error)

for each in (tracers, loggers, meters):
    each.shutdown()
sentry_sdk.flush()
