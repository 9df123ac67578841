"""What the options of older converters are today: one row an option."""

from translate import Flag, Program

FOLDER_OR_FILE = "a folder in the diffusers layout, or a single file"
ARCHITECTURE = "single files of SD 1.x need no YAML; for another architecture give --like FOLDER to `ldm convert model`"

CKPT2DIFFUSERS = Program(
    about="A single file to a diffusers folder: `python -m ldm convert model IN OUT`.",
    calls="ldm",
    command=["convert", "model", "{checkpoint_path}", "{dump_path}"],
    flags=[
        Flag("--checkpoint_path", required=True, example=["model.ckpt"]),
        Flag("--dump_path", required=True, example=["weights/model"]),
        Flag("--vae_path", ["--vae", "{vae_path}"], example=["vae.ckpt"]),
        Flag("--original_config_file", gone=ARCHITECTURE, example=["v1-inference.yaml"]),
        Flag("--scheduler_type", {"pndm": [], "lms": [], "ddim": []}, "ddim",
             gone="the folder keeps the training schedule; choose by --sampler when drawing", example=["pndm"]),
        Flag("--extract_ema", ["--ema"], values=0),
    ],
)  # fmt: skip

DIFFUSERS2CKPT = Program(
    about="A diffusers folder to a single file: `python -m ldm convert model IN OUT.ckpt`.",
    calls="ldm",
    command=["convert", "model", "{model_path}", "{checkpoint_path}"],
    flags=[
        Flag("--model_path", required=True, example=["weights/model"]),
        Flag("--checkpoint_path", required=True, example=["model.ckpt"]),
        Flag("--half", ["--half"], values=0),
        Flag("--use_safetensors", gone="name the file NAME.safetensors", values=0),
    ],
)

CKPT_MERGE = Program(
    about="The average of two models: `python -m ldm convert merge A B OUT`.",
    calls="ldm",
    command=["convert", "merge", "{model_0}", "{model_1}", "{output}.ckpt"],
    flags=[
        Flag("--model_0", required=True, example=["a.ckpt"]),
        Flag("--model_1", required=True, example=["b.ckpt"]),
        Flag("--alpha", ["--alpha", "{alpha}"], "0.5", example=["0.3"]),
        Flag("--output", default="merged", example=["both"]),
        Flag("--device", {"*": []}, "cpu", example=["cuda"]),
        Flag("--without_vae", ["--without-vae"], values=0),
    ],
)

CKPT_PRUNE = Program(
    about="A checkpoint without optimizer and averages: `python -m ldm convert prune IN OUT`.",
    calls="ldm",
    command=["convert", "prune", "{model_path}", "{output}"],
    flags=[
        Flag("--model_path", required=True, example=["model.ckpt"]),
        Flag("--output", default="model-pruned.ckpt", example=["small.safetensors"]),
        Flag("--half", ["--half"], values=0),
    ],
)

CONVERTING = {
    "ckpt2diffusers": CKPT2DIFFUSERS,
    "diffusers2ckpt": DIFFUSERS2CKPT,
    "ckpt_merge": CKPT_MERGE,
    "ckpt_prune": CKPT_PRUNE,
}
POSITIONAL = {
    "diffusers2ckpt": ("--model_path", "--checkpoint_path"),
    "ckpt_merge": ("--model_0", "--model_1"),
    "ckpt_prune": ("--model_path", "--output"),
    "handle_images": ("--origin", "--out"),
}
"""Options that were typed without their names, at the beginning."""


def with_names(name: str, argv: list[str]) -> list[str]:
    """The words of an old command line, each with the name of its option."""
    bare = [word for word, _ in zip(argv, POSITIONAL.get(name, ()), strict=False)]
    count = next((place for place, word in enumerate(bare) if word.startswith("-")), len(bare))
    named = [word for pair in zip(POSITIONAL.get(name, ()), argv[:count], strict=False) for word in pair]
    return [*named, *argv[count:]]
