#!/usr/bin/env bash
# Write the people of a run as files to share: weights/ti_id_embeddings/ and the celeb basis, weights/celeb_basis.pt.
#   bash 03_extract.sh SD RUN [--step N] [--names "ann,bob"] [--out weights]
# SD: the weights. RUN: a run's folder or its name in logs/. All options: bash 03_extract.sh --help
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
python="$here/.venv/bin/python"
[ -x "$python" ] || python=python
export PYTHONPATH="$here${PYTHONPATH:+:$PYTHONPATH}"
if [[ "${1:-}" == --help ]]; then exec "$python" -m ldm extract --help; fi
if [ $# -lt 2 ]; then
  sed -n '2,/^set /s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
  exit 2
fi
sd="$1" run="$2"
shift 2
exec "$python" -m ldm extract --sd "$sd" --run "$run" "$@"
