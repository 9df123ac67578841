#!/usr/bin/env bash
# Draw the people of a run: outputs/RUN/ with one grid a prompt, samples/ and settings.json.
#   bash 02_start_test.sh SD PROMPTS RUN [N_SAMPLES=8] [STEP=last] [options]
# SD: the weights. PROMPTS: a file, one prompt a line; sks is the first chosen person, ks the second.
# RUN: a run's folder or its name in logs/. STEP: a training step, counted from 0, last, or best (as marked).
# Options: --steps 199,399,799 (training steps), --eval_id1 0,1 --eval_id2 1,0 (instead of the lists below),
# --ddim_steps 50, --scale 10; others go on to `python -m ldm generate` (its --help lists them): --seed 42, --out DIR, ...
set -euo pipefail

# Who is drawn after which steps, in all combinations; what is left empty is everybody, after STEP.
step_list=()     # (199 399 799)
eval_id1_list=() # who is sks: (0 1)
eval_id2_list=() # who is ks: (1 0), one for each of eval_id1_list; negative: the same person as sks

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
python="$here/.venv/bin/python"
[ -x "$python" ] || python=python
export PYTHONPATH="$here${PYTHONPATH:+:$PYTHONPATH}"
usage() { sed -n '2,/^set /s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }
if [[ "${1:-}" == --help ]]; then usage; exit; fi
if [ $# -lt 3 ]; then usage >&2; exit 2; fi
sd="$1" prompts="$2" run="$3" n_samples=8 step=last
shift 3
if [[ "${1:--}" != -* ]]; then n_samples="$1"; shift; fi
if [[ "${1:--}" != -* ]]; then step="$1"; shift; fi

options=()
while [ $# -gt 0 ]; do
  case "$1" in # --steps=199 as --steps 199: generate's own --steps are the sampler's
    --steps=* | --eval_id1=* | --eval_id2=* | --ddim_steps=* | --scale=*) set -- "${1%%=*}" "${1#*=}" "${@:2}" ;;
  esac
  case "$1" in
    --steps) IFS=, read -ra step_list <<<"${2-}" ;;
    --eval_id1) IFS=, read -ra eval_id1_list <<<"${2-}" ;;
    --eval_id2) IFS=, read -ra eval_id2_list <<<"${2-}" ;;
    --ddim_steps) options+=(--steps "${2-}") ;;
    --scale) options+=(--guidance "${2-}") ;;
    *) options+=("$1"); shift; continue ;;
  esac
  shift $(($# > 1 ? 2 : 1))
done
if [ ${#eval_id2_list[@]} -gt 0 ] && [ ${#eval_id1_list[@]} -ne ${#eval_id2_list[@]} ]; then
  echo "error: eval_id1 names ${#eval_id1_list[@]} people and eval_id2 ${#eval_id2_list[@]}: give each sks its ks" >&2
  exit 2
fi
for i in ${eval_id1_list[@]+"${!eval_id1_list[@]}"}; do
  options+=(--people "${eval_id1_list[i]}${eval_id2_list[i]:+,${eval_id2_list[i]}}")
done
[ ${#step_list[@]} -eq 0 ] || step="$(IFS=, && echo "${step_list[*]}")"
exec "$python" -m ldm generate --sd "$sd" --prompts "$prompts" --run "$run" --n "$n_samples" --step "$step" \
  ${options[@]+"${options[@]}"}
