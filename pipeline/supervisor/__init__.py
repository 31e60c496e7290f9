"""The embedded servers and the pipeline's own processes."""

from pipeline.endpoints import Endpoints, child_environment, running_endpoints
from pipeline.supervisor.supervisor import ServerStatus, Supervisor
from pipeline.supervisor.workers import WorkerExit

__all__ = ["Endpoints", "ServerStatus", "Supervisor", "WorkerExit", "child_environment", "running_endpoints"]
