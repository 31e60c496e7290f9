#!/bin/sh
# usage: monitor_celery_workers.sh [--watch] [--json] [--project NAME]
# Show workers, what they do, queue lengths and failures: once, or with --watch live until q is pressed.
# Exit code 0: all is well; 1: something is not, and is said; 2: wrong usage or settings; 4: database or broker is away.
set -eu
command=$(dirname "$0")/../.venv/bin/nlp-pipeline
[ -x "$command" ] || command=nlp-pipeline
once=--once
for word; do
    shift
    case $word in
    --watch) once= ;;
    *) set -- "$@" "$word" ;;
    esac
done
exec "$command" watch $once "$@"
