"""What the options of older data tools are today: one row an option."""

from translate import Flag, Program

DATA = {
    "handle_images": Program(
        about="Photos cut to one size in the middle: `python -m ldm prepare crop IN OUT --center`.",
        calls="ldm",
        command=["prepare", "crop", "{origin}", "{out}", "--center"],
        flags=[
            Flag("--origin", required=True, example=["PHOTOS"]),
            Flag("--out", required=True, example=["data/photos"]),
            Flag("--width", ["--width", "{width}"], "512", example=["768"]),
            Flag("--height", ["--height", "{height}"], "512", example=["768"]),
            Flag("--png", ["--png"], values=0),
        ],
    ),
}
