#!/bin/sh
# usage: install.sh [--dry-run] [--venv DIR] [--root DIR]          install or bring up to date; twice is once
#        install.sh --uninstall [--purge] [--dry-run] [--root DIR]  remove; --purge: settings, documents and state too
#
# Units, settings and folders of nlp-pipeline for systemd. Nothing is started: write the settings first, the last lines say where.
#   --venv DIR   the environment that holds nlp-pipeline; .venv beside this folder unless given. Not below a home: units cannot see it
#   --root DIR   install below DIR and leave this machine's systemd alone: for packages and images
set -eu

here=$(cd "$(dirname "$0")" && pwd)
venv=$(dirname "$here")/.venv
root='' dry='' remove='' purge='' changed=''
services='nlp-pipeline-worker@.service nlp-pipeline-queue-processor.service nlp-pipeline-api.service nlp-pipeline-flower.service
    nlp-pipeline-metrics.service'
units="$services nlp-pipeline.target"
steps_since=254

fail() {
    echo "install.sh: $1" >&2
    exit 2
}

while [ $# -gt 0 ]; do
    case $1 in
    --dry-run) dry=yes ;;
    --uninstall) remove=yes ;;
    --purge) purge=yes ;;
    --venv) [ $# -gt 1 ] || fail '--venv needs a folder.'; venv=$2; shift ;;
    --root) [ $# -gt 1 ] || fail '--root needs a folder.'; root=${2%/}; shift ;;
    -h | --help) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit ;;
    *) fail "what is $1? See install.sh --help." ;;
    esac
    shift
done
[ -z "$purge" ] || [ -n "$remove" ] || fail '--purge belongs to --uninstall.'

# Say what is done, and do it unless this is a dry run.
run() {
    echo "$*"
    [ -n "$dry" ] || "$@"
}

# What concerns the running machine alone.
system() {
    [ -n "$root" ] || run "$@"
}

# put FILE TARGET MODE: with the environment's place in it, where it differs from what is there.
put() {
    text=$(mktemp)
    sed "s#/opt/nlp-pipeline/\.venv#$venv#g" "$1" >"$text"
    if ! cmp -s "$text" "$root$2"; then
        echo "write $root$2"
        changed=yes
        [ -n "$dry" ] || { mkdir -p "$(dirname "$root$2")" && install -m "$3" "$text" "$root$2"; }
    fi
    rm -f "$text"
}

drop() {
    if [ -e "$root$1" ]; then
        run rm -rf "$root$1"
        changed=yes
    fi
}

check() {
    [ -n "$root" ] || [ -n "$dry" ] || [ "$(id -u)" -eq 0 ] || fail 'run it as root, or with --dry-run or --root DIR.'
    [ -n "$root" ] || command -v systemctl >/dev/null || fail 'there is no systemd here: see deploy/supervisor or deploy/compose.'
}

install_all() {
    case $venv in /*) ;; *) venv=$(pwd)/$venv ;; esac
    case $venv in
    *[!A-Za-z0-9/._+-]*) fail "a unit cannot name $venv: choose a path of letters, digits and . _ + -." ;;
    esac
    [ -x "$venv/bin/nlp-pipeline" ] || fail "$venv holds no nlp-pipeline: make venv, or --venv DIR."
    [ -n "$root" ] || for place in "$venv" "$(readlink -m "$venv/bin/python")"; do
        case $place in
        /home/* | /root/* | /run/user/*) fail "units cannot see $place, for it lies below a home: checkout and Python belong elsewhere, such as /opt." ;;
        esac
    done
    put "$here/systemd/sysusers.conf" /usr/lib/sysusers.d/nlp-pipeline.conf 644
    put "$here/systemd/tmpfiles.conf" /usr/lib/tmpfiles.d/nlp-pipeline.conf 644
    system systemd-sysusers nlp-pipeline.conf
    [ -e "$root/etc/nlp-pipeline/nlp-pipeline.env" ] || put "$here/systemd/nlp-pipeline.env" /etc/nlp-pipeline/nlp-pipeline.env 640
    system systemd-tmpfiles --create nlp-pipeline.conf
    for unit in $units; do
        put "$here/systemd/$unit" "/etc/systemd/system/$unit" 644
    done
    if [ "$(systemctl --version 2>/dev/null | sed -n '1s/^systemd \([0-9]*\).*/\1/p')" -ge "$steps_since" ] 2>/dev/null; then
        for unit in $services; do
            put "$here/systemd/back-off.conf" "/etc/systemd/system/$unit.d/back-off.conf" 644
        done
    fi
    system systemctl daemon-reload
    system systemctl enable nlp-pipeline.target
    if [ -z "$changed" ]; then
        echo 'Every file is as it should be.'
        return
    fi
    [ -n "$dry" ] || cat <<END

1. Write the settings:        /etc/nlp-pipeline/nlp-pipeline.env
2. Make the tables:           set -a; . /etc/nlp-pipeline/nlp-pipeline.env; $venv/bin/nlp-pipeline migrate
3. Check every service:       $venv/bin/nlp-pipeline doctor
4. Start, or start anew:      systemctl restart nlp-pipeline.target
   If they are wanted:        systemctl enable --now nlp-pipeline-flower nlp-pipeline-metrics
5. A key for the API:         as 2, with keys create --name NAME --scope admin; it answers at http://127.0.0.1:8000
END
}

uninstall_all() {
    if [ -z "$root" ] && [ -e /etc/systemd/system/nlp-pipeline.target ]; then
        # Those of the target's units that run end with it.
        system systemctl disable --now nlp-pipeline.target nlp-pipeline-flower.service nlp-pipeline-metrics.service
    fi
    for unit in $units; do
        drop "/etc/systemd/system/$unit"
        drop "/etc/systemd/system/$unit.d"
    done
    drop /usr/lib/sysusers.d/nlp-pipeline.conf
    drop /usr/lib/tmpfiles.d/nlp-pipeline.conf
    [ -z "$changed" ] || system systemctl daemon-reload
    if [ -n "$purge" ]; then
        drop /etc/nlp-pipeline
        drop /var/lib/nlp-pipeline
    fi
    [ -n "$changed" ] || echo 'Nothing of it is here.'
    if [ -z "$purge" ] && [ -e "$root/etc/nlp-pipeline" ]; then
        echo "Kept: $root/etc/nlp-pipeline, $root/var/lib/nlp-pipeline and the user nlp-pipeline. --purge removes the folders."
    fi
}

check
if [ -n "$remove" ]; then uninstall_all; else install_all; fi
