#!/bin/sh
# usage: start_celery_workers.sh [--only ocr,text] [--with-flower]
# Start a worker of each type in the background; `nlp-pipeline down` ends them. Servers that have no URL are started too.
set -eu
command=$(dirname "$0")/../.venv/bin/nlp-pipeline
[ -x "$command" ] || command=nlp-pipeline
exec "$command" workers --each --detach "$@"
