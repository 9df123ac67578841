#!/usr/bin/env bash
# Textual inversion, with the numbers of CrazyBoyM's train_textual_inversion.sh.
#   bash scripts/train_textual_inversion.sh [old options] [key=value ...]
#   bash scripts/train_textual_inversion.sh --pretrained_model_name_or_path=weights/sd-v1-5 --train_data_dir=PHOTOS \
#     --placeholder_token=sks --initializer_token=girl
# Options given here come after those below and count. The placeholder is one word that the model's tokenizer knows.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
python="$here/.venv/bin/python"
[ -x "$python" ] || python=python
exec "$python" "$here/scripts/translate.py" textual_inversion \
  --pretrained_model_name_or_path="./model" \
  --train_data_dir="./datasets/instance" \
  --learnable_property=style \
  --placeholder_token=sks --initializer_token=girl \
  --output_dir="./logs" \
  --resolution=512 \
  --train_batch_size=1 --gradient_accumulation_steps=4 --mixed_precision=fp16 \
  --learning_rate=5e-4 --scale_lr --lr_scheduler=constant --lr_warmup_steps=0 \
  --max_train_steps=3000 --save_steps=200 \
  "$@"
