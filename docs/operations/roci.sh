#!/bin/sh
# roci with this machine's settings. Install as /usr/local/bin/roci; see docs/operations.md.
set -a
. /etc/roci/roci.env
set +a
exec /opt/roci/.venv/bin/roci "$@"
