#!/usr/bin/env bash
# Learn the people of aligned photos: logs/training<time>_celebbasis/ with configs/, checkpoints/ and images/.
#   bash 01_start_train.sh [SD=weights/embedded] [CONFIG=configs/stable-diffusion/celeb_basis.yaml] [options]
# Options go on to main.py: --data_root outputs/aligned.jsonl, -l DIR, --wandb, lightning.trainer.max_steps=800, ...
# All options: bash 01_start_train.sh --help
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
python="$here/.venv/bin/python"
[ -x "$python" ] || python=python
export PYTHONPATH="$here${PYTHONPATH:+:$PYTHONPATH}"

is_option='^(-|[A-Za-z_][A-Za-z0-9_.]*=|$)'
sd="$here/weights/embedded"
config="$here/configs/stable-diffusion/celeb_basis.yaml"
if ! [[ "${1:-}" =~ $is_option ]]; then sd="$1"; shift; fi
if ! [[ "${1:-}" =~ $is_option ]]; then config="$1"; shift; fi
exec "$python" "$here/main.py" --base "$config" -t --actual_resume "$sd" -n celebbasis "$@"
