"""``metrics``: figures for Prometheus over HTTP."""

import signal
import threading

import click


@click.command(epilog="Example: nlp-pipeline metrics --port 9464")
@click.option("--port", default=9464, show_default=True, type=click.IntRange(0, 65535), help="0: any free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen. Who reaches it may read the figures.")
def metrics(port: int, host: str) -> None:
    """Serve figures about documents, queues, workers, steps and costs to Prometheus.

    They hold names of steps, queues, workers and models, and nothing that documents say. Database or broker may go away
    and come back meanwhile. It ends with Ctrl-C or SIGTERM.
    """
    from pipeline.errors import Misconfigured, ServiceUnavailable
    from pipeline.monitor.eye import Eye
    from pipeline.settings import load_settings

    try:
        from prometheus_client import CollectorRegistry, start_http_server

        from pipeline.monitor.metrics import Metrics
    except ImportError:
        raise Misconfigured("Metrics need a library: pip install 'nlp-pipeline[observe]'", "not_installed") from None

    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    with Eye(load_settings()) as eye:
        registry = CollectorRegistry()
        registry.register(Metrics(eye))
        try:
            server, thread = start_http_server(port, host, registry)
        except OSError as fault:
            raise ServiceUnavailable(f"Cannot listen on {host}:{port}: {fault.strerror}.", "port_in_use") from None
        click.echo(f"http://{host}:{server.server_port}/metrics")
        try:
            over.wait()
        finally:
            server.shutdown()
            thread.join()
