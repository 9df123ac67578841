#!/usr/bin/env bash
# DreamBooth of a thing or a person from a few photos, with the numbers of CrazyBoyM's train_object.sh.
#   bash scripts/train_object.sh [old options] [key=value ...]
#   bash scripts/train_object.sh --pretrained_model_name_or_path=weights/sd-v1-5 --instance_data_dir=PHOTOS \
#     --instance_prompt="a photo of sks dog" --class_prompt="a photo of dog"
# Options given here come after those below and count; on weights/embedded add --resolution=64 --mixed_precision=no.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
python="$here/.venv/bin/python"
[ -x "$python" ] || python=python
exec "$python" "$here/scripts/translate.py" train_dreambooth \
  --pretrained_model_name_or_path="./model" \
  --instance_data_dir="./datasets/instance" \
  --instance_prompt="a photo of sks dog" \
  --with_prior_preservation --prior_loss_weight=1.0 \
  --class_prompt="a photo of dog" \
  --class_data_dir="./datasets/class" \
  --num_class_images=200 \
  --output_dir="./logs" \
  --train_text_encoder \
  --resolution=512 --center_crop \
  --train_batch_size=1 --gradient_accumulation_steps=1 --gradient_checkpointing \
  --use_8bit_adam --mixed_precision=fp16 \
  --learning_rate=2e-6 --lr_scheduler=constant --lr_warmup_steps=0 \
  --max_train_steps=1000 --save_model_every_n_steps=500 \
  --auto_test_model --test_prompt="a photo of sks dog" --test_seed=123 --test_num_per_prompt=3 \
  "$@"
