#!/usr/bin/env bash
# Cut aligned faces out of the photos in IN, into OUT/, OUT.jsonl and OUT.pickle.
#   bash 00_align_face.sh IN OUT [--size 512] [--mode ffhq|arcface] [--faces largest|all|one] [--backend auto]
# Run it again to add photos: what is done is skipped. IN is only read. All options: bash 00_align_face.sh --help
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
python="$here/.venv/bin/python"
[ -x "$python" ] || python=python
export PYTHONPATH="$here${PYTHONPATH:+:$PYTHONPATH}"
exec "$python" -m ldm align "$@"
