"""What the options of older training programs are today: one row an option."""

from translate import Flag, Program

DATA = "data.params.train.params"
CLASS = f"{DATA}.class_config.params"
OPTIMIZER = "model.params.optimizer_config.params"
METHOD = "model.params.personalization_config.params"
SAVE_EVERY = "lightning.modelcheckpoint.params.every_n_train_steps"
PREVIEWS = "lightning.callbacks.previews.params"
NO_HUB = "nothing is uploaded: the run's checkpoints/ holds the files to share"
PRECISION = {
    "no": ["lightning.trainer.precision=32-true"],
    "fp16": ["lightning.trainer.precision=16-mixed"],
    "bf16": ["lightning.trainer.precision=bf16-mixed"],
}
CROP = [f"{DATA}.crop=center"]
BOTH_SIDES = [f"{DATA}.height={{resolution}}", f"{DATA}.width={{resolution}}"]
WARM_UP = f"{OPTIMIZER}.warmup_steps={{lr_warmup_steps}}"

# --- dreambooth.py of the University of Moratuwa's DreamBooth (A "class", A sks "class", one picture of each a step)

DREAMBOOTH = Program(
    about="DreamBooth with prior preservation, as `dreambooth.py` of 2024 had it: run folders out/dreambooth/run1, ...",
    command=["--base", "configs/stable-diffusion/dreambooth.yaml", "-t", "--scale_lr", "false",
             f"{OPTIMIZER}.weight_decay=0.0", f"{OPTIMIZER}.warmup_steps=0", "data.params.batch_size=1", *CROP],
    runs="output_dir",
    resume="resume_dir",
    flags=[
        Flag("-c --class-name", [f'{DATA}.instance_prompt="A sks {{class_name:text}}"',
                                 f'{CLASS}.prompt="A {{class_name:text}}"', f"{CLASS}.faces=any",
                                 f'{PREVIEWS}.prompts=["A sks {{class_name:text}}"]'],
             required=True, example=["water bottle"]),
        Flag("-i --instance-img-dir", ["--data_root", "{instance_img_dir}"], required=True, example=["photos"]),
        Flag("-w --weights", ["--actual_resume", "{weights}"], example=["weights/embedded"]),
        Flag("-d --devices", ["--gpus", "{devices}"], values="*", example=["0", "1"]),
        Flag("-o --output-dir", [f'{CLASS}.folder="{{output_dir:text}}/class-imgs/{{class_name:text}}"'],
             "out/dreambooth", example=["out/mine"]),
        Flag("-r --resume-dir", example=["out/dreambooth/run1"]),
        Flag("--precision", {"full": PRECISION["no"], "autocast": ["lightning.trainer.precision=auto"]}, "autocast",
             example=["full"]),
        Flag("--generation-batch-size --gb", [f"{CLASS}.batch_size={{gb}}"], "4", example=["2"]),
        Flag("--hw", [f"{DATA}.height={{hw[0]}}", f"{DATA}.width={{hw[1]}}", f"{CLASS}.height={{hw[0]}}",
                      f"{CLASS}.width={{hw[1]}}"], values=2, example=["512", "384"]),
        Flag("--ddim-steps", [f"{CLASS}.num_inference_steps={{ddim_steps}}"], "50", example=["20"]),
        Flag("--scale", [f"{CLASS}.guidance_scale={{scale}}"], "7.5", example=["5"]),
        Flag("--ddim-eta", {"0": [], "0.0": []}, "0", gone="class pictures are drawn without added noise: only 0",
             example=["0"]),
        Flag("--class-img-count", [f"{CLASS}.num={{class_img_count}}"], "1000", example=["200"]),
        Flag("--learning-rate", ["model.base_learning_rate={learning_rate}"], "5e-5", example=["1e-5"]),
        Flag("-l --lamb", ["model.params.objective_config.params.prior_loss_weight={lamb}"], "1.0", example=["1.5"]),
        Flag("--iterations", ["lightning.trainer.max_steps={iterations}"], "1000", example=["3000"]),
        Flag("-s --save-every", {"-1": [f"{SAVE_EVERY}=${{{{lightning.trainer.max_steps}}}}"],  # the run's, on a resume
                                 "*": [f"{SAVE_EVERY}={{save_every}}",
                                       f"{PREVIEWS}.every_n_steps={{save_every}}"]}, "-1", example=["200"]),
        Flag("-t --train-text-encoder", [f"{METHOD}.train_text_encoder=true"], values=0),
    ],
)  # fmt: skip

# --- train_dreambooth.py, as CrazyBoyM's train_style.sh and train_object.sh call it (diffusers' options of 2022)

TRAIN_DREAMBOOTH = Program(
    about="`train_dreambooth.py` of the DreamBooth scripts around diffusers: a thing or a style, by its old options.",
    command=["--base", "configs/stable-diffusion/dreambooth.yaml", "-t", f"{DATA}.token=null", f"{DATA}.repeats=1",
             f"{CLASS}.faces=any"],
    flags=[
        Flag("--pretrained_model_name_or_path", ["--actual_resume", "{pretrained_model_name_or_path}"], required=True,
             example=["weights/embedded"]),
        Flag("--revision", gone="name the model's folder; a revision of the hub is not looked up"),
        Flag("--tokenizer_name", gone="the tokenizer is the model's own"),
        Flag("--instance_data_dir", ["--data_root", "{instance_data_dir}"], required=True, example=["photos"]),
        Flag("--instance_prompt", [f'{DATA}.instance_prompt="{{instance_prompt:text}}"'],
             example=["a photo of sks dog"]),
        Flag("--with_prior_preservation", values=0, otherwise=[f"{DATA}.class_config=null"]),
        Flag("--class_data_dir", [f'{CLASS}.folder="{{class_data_dir:text}}"'], needs="with_prior_preservation",
             example=["class", "--with_prior_preservation"]),
        Flag("--class_prompt", [f'{CLASS}.prompt="{{class_prompt:text}}"'], needs="with_prior_preservation",
             example=["a photo of a dog", "--with_prior_preservation"]),
        Flag("--num_class_images", [f"{CLASS}.num={{num_class_images}}"], "100",
             needs="with_prior_preservation", example=["200", "--with_prior_preservation"]),
        Flag("--sample_batch_size", [f"{CLASS}.batch_size={{sample_batch_size}}"], "4",
             needs="with_prior_preservation", example=["2", "--with_prior_preservation"]),
        Flag("--prior_loss_weight", ["model.params.objective_config.params.prior_loss_weight={prior_loss_weight}"],
             "1.0", example=["0.5"]),
        Flag("--use_txt_as_label", [f"{DATA}.captions=txt", f"{DATA}.instance_prompt=null"], values=0),
        Flag("--use_filename_as_label", [f"{DATA}.captions=filename", f"{DATA}.instance_prompt=null"], values=0),
        Flag("--output_dir", ["-l", "{output_dir}"], "text-inversion-model", example=["out"]),
        Flag("--seed", ["-s", "{seed}"], example=["42"]),
        Flag("--resolution", BOTH_SIDES, example=["512"]),
        Flag("--width", [f"{DATA}.width={{width}}"], example=["512"]),
        Flag("--height", [f"{DATA}.height={{height}}"], example=["768"]),
        Flag("--center_crop", CROP, values=0, otherwise=[f"{DATA}.crop=random"]),
        Flag("--train_text_encoder", [f"{METHOD}.train_text_encoder=true"], values=0),
        Flag("--train_batch_size", ["data.params.batch_size={train_batch_size}"], "4", example=["1"]),
        Flag("--num_train_epochs",
             ["lightning.trainer.max_epochs={num_train_epochs}", "lightning.trainer.max_steps=-1"], "1",
             unless="max_train_steps", example=["3"]),
        Flag("--max_train_steps", ["lightning.trainer.max_steps={max_train_steps}"], example=["1000"]),
        Flag("--gradient_accumulation_steps",
             ["lightning.trainer.accumulate_grad_batches={gradient_accumulation_steps}"], "1", example=["2"]),
        Flag("--gradient_checkpointing", ["model.params.gradient_checkpointing=true"], values=0),
        Flag("--learning_rate", ["model.base_learning_rate={learning_rate}"], "5e-6", example=["2e-6"]),
        Flag("--scale_lr", ["--scale_lr", "true"], values=0, otherwise=["--scale_lr", "false"]),
        Flag("--lr_warmup_steps", default="500", example=["100", "--lr_scheduler", "linear"]),
        Flag("--lr_scheduler", {
            "constant": [f"{OPTIMIZER}.warmup_steps=0"],
            "constant_with_warmup": [WARM_UP],
            "linear": [WARM_UP, f"{OPTIMIZER}.decay_fraction=1.0"],
            "cosine": [WARM_UP, f"{OPTIMIZER}.decay_fraction=1.0", f"{OPTIMIZER}.decay=cosine"],
        }, "constant", example=["cosine"]),
        Flag("--use_8bit_adam", [f"{OPTIMIZER}.eight_bit=true"], values=0),
        Flag("--adam_beta1", [f"{OPTIMIZER}.betas=[{{adam_beta1}},{{adam_beta2}}]"], "0.9", example=["0.8"]),
        Flag("--adam_beta2", default="0.999", example=["0.99"]),
        Flag("--adam_weight_decay", [f"{OPTIMIZER}.weight_decay={{adam_weight_decay}}"], "1e-2", example=["0"]),
        Flag("--adam_epsilon", {"1e-08": [], "1e-8": []}, "1e-08", gone="it is 1e-8 here", example=["1e-8"]),
        Flag("--max_grad_norm", ["lightning.trainer.gradient_clip_val={max_grad_norm}"], "1.0", example=["0.5"]),
        Flag("--push_to_hub", values=0, gone=NO_HUB),
        Flag("--hub_token", gone=NO_HUB),
        Flag("--hub_model_id", gone=NO_HUB),
        Flag("--logging_dir", example=["logs"]),
        Flag("--log_with", {"wandb": ["--wandb"], "tensorboard": []}, example=["wandb"]),
        Flag("--mixed_precision", PRECISION, example=["bf16"]),
        Flag("--local_rank", example=["0"]),
        Flag("--save_model_every_n_steps",
             ["lightning.modelcheckpoint.params.every_n_train_steps={save_model_every_n_steps}",
              f"{PREVIEWS}.every_n_steps={{save_model_every_n_steps}}"], example=["500"]),
        Flag("--auto_test_model", values=0, otherwise=[f"{PREVIEWS}.disabled=true"]),
        Flag("--test_prompt", [f'{PREVIEWS}.prompts=["{{test_prompt:text}}"]'], example=["a photo of sks dog"]),
        Flag("--test_prompts_file",
             [f"{PREVIEWS}.prompts=[]", f'{PREVIEWS}.prompts_file="{{test_prompts_file:text}}"'],
             example=["infer_images/example_prompt.txt"]),
        Flag("--test_negative_prompt", [f'{PREVIEWS}.negative_prompt="{{test_negative_prompt:text}}"'],
             example=["blurry"]),
        Flag("--test_seed", [f"{PREVIEWS}.seed={{test_seed}}"], "42", example=["123"]),
        Flag("--test_num_per_prompt", [f"{PREVIEWS}.num_pictures={{test_num_per_prompt}}"], "1", example=["5"]),
    ],
)  # fmt: skip

# --- textual_inversion.py, as train_textual_inversion.sh calls it

SHARED = {
    flag.dest: flag
    for flag in TRAIN_DREAMBOOTH.flags
    if flag.dest not in ("train_text_encoder", "save_model_every_n_steps", "learning_rate", "output_dir")
    and not flag.dest.startswith(
        ("class_", "instance_", "use_txt", "use_file", "with_prior", "num_class", "sample_", "prior_")
    )
}
TEXTUAL_INVERSION = Program(
    about="`textual_inversion.py` of the DreamBooth scripts around diffusers, by its old options.",
    command=["--base", "configs/stable-diffusion/textual_inversion.yaml", "-t"],
    flags=[
        *SHARED.values(),
        Flag("--train_data_dir", ["--data_root", "{train_data_dir}"], required=True, example=["photos"]),
        Flag("--placeholder_token", ["--placeholder_string", "{placeholder_token}",
                                     f'{PREVIEWS}.prompts=["a photo of {{placeholder_token:text}}"]'],
             required=True, example=["sks"]),
        Flag("--initializer_token", ["--init_word", "{initializer_token}"], required=True, example=["person"]),
        Flag("--num_vectors", [f"{METHOD}.num_vectors={{num_vectors}}"], "1", example=["4"]),
        Flag("--learnable_property", [f"{DATA}.templates={{learnable_property}}"], "object", example=["style"]),
        Flag("--repeats", [f"{DATA}.repeats={{repeats}}"], "100", example=["10"]),
        Flag("--learning_rate", ["model.base_learning_rate={learning_rate}"], "1e-4", example=["5e-4"]),
        Flag("--output_dir", ["-l", "{output_dir}"], "text-inversion-model", example=["out"]),
        Flag("--save_steps", ["lightning.modelcheckpoint.params.every_n_train_steps={save_steps}",
                              f"{PREVIEWS}.every_n_steps={{save_steps}}"], "500", example=["200"]),
    ],
)  # fmt: skip

TRAINING = {
    "dreambooth": DREAMBOOTH,
    "train_dreambooth": TRAIN_DREAMBOOTH,
    "textual_inversion": TEXTUAL_INVERSION,
}
