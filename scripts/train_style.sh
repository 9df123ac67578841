#!/usr/bin/env bash
# Training on many captioned pictures (NAME.txt beside each), with the numbers of CrazyBoyM's train_style.sh.
#   bash scripts/train_style.sh [old options] [key=value ...]
#   bash scripts/train_style.sh --pretrained_model_name_or_path=weights/sd-v1-5 --instance_data_dir=PICTURES
# Options given here come after those below and count: --resolution=128 --max_train_steps=100000
# --save_model_every_n_steps=1000 are those of the action units' train_style.sh.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
python="$here/.venv/bin/python"
[ -x "$python" ] || python=python
exec "$python" "$here/scripts/translate.py" train_dreambooth \
  --pretrained_model_name_or_path="./model" \
  --instance_data_dir="./datasets/instance" \
  --use_txt_as_label \
  --output_dir="./logs" \
  --resolution=768 --center_crop \
  --train_batch_size=1 --gradient_accumulation_steps=1 --gradient_checkpointing \
  --use_8bit_adam --mixed_precision=fp16 \
  --learning_rate=2e-6 --lr_scheduler=constant --lr_warmup_steps=0 \
  --max_train_steps=1000 --save_model_every_n_steps=500 \
  --auto_test_model --test_prompt="a photo" --test_seed=123 --test_num_per_prompt=3 \
  "$@"
