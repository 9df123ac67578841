"""What the options of older drawing programs are today: one row an option."""

from translate import Flag, Program

DEVICE = "the fastest device there is draws; choose by CUDA_VISIBLE_DEVICES"
NO_NOISE = "DDIM adds no noise here: only 0; --sampler ddpm of `python -m ldm generate` does"
COMMON = (
    Flag("-d --device", {"0": []}, "0", gone=DEVICE, example=["0"]),
    Flag("-p --prompt", ["--prompt", "{prompt}"], required=True, example=["a photo of sks"]),
    Flag("-v --variations", ["--n", "{variations}"], "1", example=["4"]),
    Flag("--precision", {"full": [], "autocast": []}, "autocast", gone="pictures are drawn in full precision here",
         example=["full"]),
    Flag("--seed", ["--seed", "{seed}"], "42", example=["7"]),
)  # fmt: skip
CHECKPOINT = ["--weights", "{ckpt_path}"]

# --- txt2img.py and img2img.py of the University of Moratuwa's DreamBooth; they had no seed

TXT2IMG = Program(
    about="Pictures of a prompt by a checkpoint, or by every one in a folder: out/txt2img/run1, run2, ...",
    calls="ldm",
    command=["generate", "--sampler", "ddim", "--out", "{folder}"],
    runs="output_dir",
    flags=[
        *COMMON,
        Flag("-b --batch-size", ["--batch-size", "{batch_size}"], "1", example=["2"]),
        Flag("-c --ckpt-path", CHECKPOINT, "weights/embedded", example=["weights/model.ckpt"]),
        Flag("-o --output-dir", default="out/txt2img", example=["out/mine"]),
        Flag("--hw", ["--hw", "{hw[0]}x{hw[1]}"], values=2, example=["512", "384"]),
        Flag("--ddim-steps", ["--steps", "{ddim_steps}"], "50", example=["20"]),
        Flag("--scale", ["--guidance", "{scale}"], "7.5", example=["5"]),
        Flag("--ddim-eta", {"0": [], "0.0": []}, "0", gone=NO_NOISE, example=["0"]),
    ],
)  # fmt: skip

IMG2IMG = Program(
    about="Pictures of a prompt that begin with a picture: out/img2img/run1, run2, ...",
    calls="ldm",
    command=["generate", "--sampler", "ddim", "--steps", "50", "--guidance", "5.0", "--batch-size", "1",
             "--out", "{folder}"],
    runs="output_dir",
    flags=[
        *COMMON,
        Flag("-i --init-img", ["--init-image", "{init_img}"], required=True, example=["me.jpg"]),
        Flag("-c --ckpt-path", CHECKPOINT, "weights/embedded", example=["weights/model.ckpt"]),
        Flag("-o --output-dir", default="out/img2img", example=["out/mine"]),
        Flag("-s --strength", ["--strength", "{strength}"], "0.75", example=["0.5"]),
    ],
)  # fmt: skip

# --- test_model.py of the DreamBooth with action units: one call of these options for every prompt and seed

TEST_MODEL = Program(
    about="Pictures of one prompt from one seed on, as `test_model.py` drew them.",
    calls="ldm",
    command=["generate", "--sampler", "ddim"],
    flags=[
        Flag("--model", ["--weights", "{model}"], "weights/embedded", example=["model-Step-8000"]),
        Flag("--prompt", ["--prompt", "{prompt}"], required=True, example=["Asian,female,close-up"]),
        Flag("--seed", ["--seed", "{seed}"], "111", example=["222"]),
        Flag("--num", ["--n", "{num}"], "30", example=["2"]),
        Flag("--steps", ["--steps", "{steps}"], "30", example=["20"]),
        Flag("--negative-prompt", ["--negative", "{negative_prompt}"], example=["blurry"]),
        Flag("--size", {"256": ["--hw", "256x256"], "model": [], "*": ["--hw", "{size}x{size}"]}, "256",
             example=["512"]),
        Flag("--out", ["--out", "{out}"], "samples", example=["out"]),
    ],
)  # fmt: skip

DRAWING = {"txt2img": TXT2IMG, "img2img": IMG2IMG, "test_model": TEST_MODEL}
