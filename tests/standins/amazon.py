"""S3, SNS and SQS as moto serves them: in a process of its own, over HTTP, to the real client."""

import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from pipeline.aws import AwsAccess, session

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

HOST = "127.0.0.1"
REGION: Final = "eu-west-1"
SECONDS = 120


@contextmanager
def amazon() -> Iterator[AwsAccess]:
    """How to reach it: any keys are right."""
    port = _free_port()
    command = [sys.executable, "-m", "moto.server", "-H", HOST, "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            _wait_for(port, server)
            yield AwsAccess(REGION, f"http://{HOST}:{port}", "AKIDEXAMPLE", "a secret key")
        finally:
            server.kill()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            socket.create_connection((HOST, port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("moto does not start")


def s3_client(access: AwsAccess) -> "S3Client":
    return session(access).client("s3", endpoint_url=access.endpoint_url)


def new_bucket(access: AwsAccess) -> str:
    name = f"matter-{uuid.uuid4().hex[:12]}"
    s3_client(access).create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    return name
