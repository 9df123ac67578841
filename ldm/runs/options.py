"""The command line of main.py: latent-diffusion's options, and key=value for everything in the config."""

import argparse
import difflib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

OVERRIDE = re.compile(r"[A-Za-z_][\w.\-\[\]]*=")

EXAMPLES = """examples:
  python main.py --base configs/stable-diffusion/celeb_basis.yaml -t --data_root faces.jsonl
  python main.py --base celeb_basis.yaml configs/strategy/ddp.yaml -t lightning.trainer.devices=2
  python main.py --base celeb_basis.yaml --dry-run data.params.batch_size=1
  python main.py -r logs/training2026-11-21T10-00-00_celebbasis -t lightning.trainer.max_steps=1600

key=value changes any entry of the config, for example lightning.trainer.max_steps=100,
lightning.trainer.accelerator=cpu, model.params.seed=7 or lightning.logger=wandb."""

GONE = {
    "-p": "it never did anything: leave it out",
    "--project": "it never did anything; W&B's project is lightning.wandb.project=NAME",
    "--max_steps": "write lightning.trainer.max_steps=N",
    "--max_epochs": "write lightning.trainer.max_epochs=N",
    "--precision": "write lightning.trainer.precision=P",
    "--accelerator": "write lightning.trainer.accelerator=A",
    "--devices": "write lightning.trainer.devices=N",
    "--accumulate_grad_batches": "write lightning.trainer.accumulate_grad_batches=N",
}


class Options(argparse.Namespace):
    """What was typed."""

    name: str | None
    resume: Path | None
    base: list[Path]
    train: bool
    test: bool
    seed: int | None
    postfix: str
    logdir: Path
    debug: bool
    scale_lr: bool | None
    datadir_in_name: bool
    actual_resume: Path | None
    data_root: Path | None
    embedding_manager_ckpt: Path | None
    placeholder_string: str | None
    init_word: str | None
    gpus: str | None
    wandb: bool
    dry_run: bool
    overrides: list[str]


class _Parser(argparse.ArgumentParser):
    """Errors in one line, and `--help` for the rest."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"main.py: {message}\n(python main.py --help tells what there is)\n")


def parse_options(argv: Sequence[str]) -> Options:
    """The options in ``argv``; what cannot be understood ends the process with code 2 and one line."""
    parser = _build_parser()
    words, overrides = _take_overrides(parser, argv)
    options, unknown = parser.parse_known_args(words, Options())
    if unknown:
        parser.error(_unknown(parser, unknown[0]))
    options.overrides = overrides
    if options.name and options.resume:
        parser.error("-n/--name makes a new run and -r/--resume goes on with an old one: give one of them")
    if not options.base and not options.resume:
        parser.error("which config? --base FILE.yaml starts a run, --resume RUN goes on with one")
    return options


def _take_overrides(parser: argparse.ArgumentParser, argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """All words of the form key=value, wherever they stand, apart from the others; not the value of an option."""
    takes_text = [action for action in parser._actions if action.nargs in (None, "?") and action.type is not _switch]
    takes_one = {name for action in takes_text for name in action.option_strings}
    words: list[str] = []
    overrides: list[str] = []
    for before, word in zip(["", *argv], argv, strict=False):
        (overrides if OVERRIDE.match(word) and before not in takes_one else words).append(word)
    return words, overrides


def _unknown(parser: argparse.ArgumentParser, word: str) -> str:
    name = word.partition("=")[0]
    if name in GONE:
        return f"there is no option {name}: {GONE[name]}"
    if not name.startswith("-"):
        return f"{word!r} is neither an option nor key=value"
    known = [string for action in parser._actions for string in action.option_strings]
    near = difflib.get_close_matches(name, known, n=1)
    return f"there is no option {name}" + (f"; did you mean {near[0]}?" if near else "")


def _switch(text: str) -> bool:
    """A word for yes or no, as LDM takes it."""
    if text.lower() in ("yes", "true", "t", "y", "1"):
        return True
    if text.lower() in ("no", "false", "f", "n", "0"):
        return False
    raise argparse.ArgumentTypeError(f"{text!r} given, true or false wanted")


def _build_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python main.py",
        usage="python main.py --base A.yaml [B.yaml ...] -t [key=value ...]",
        description="Train what the merged configs describe.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    switch: dict[str, Any] = {"nargs": "?", "const": True, "type": _switch, "metavar": "true|false"}
    add("-b", "--base", nargs="*", type=Path, default=[], metavar="YAML", help="configs, merged left to right")
    add("-t", "--train", **switch, default=False, help="train (without it the config is only checked)")
    add("-n", "--name", nargs="?", const="", metavar="NAME", help="name of the run; default: the first config's")
    add("-r", "--resume", type=Path, metavar="RUN", help="go on with a run: its folder or one of its checkpoints")
    add("-s", "--seed", type=int, help="seed of everything that is random; default 23")
    add("-f", "--postfix", default="", help="put after the name")
    add("-l", "--logdir", type=Path, default=Path("logs"), help="where runs lie; default logs")
    add("-d", "--debug", **switch, default=False, help="after an error, the debugger; W&B stays offline")
    add("--dry-run", action="store_true", help="show config, trained parameters and files; train nothing")
    add("--no-test", dest="no_test", **switch, default=False, help="no test after training, where there is test data")
    add("--scale_lr", **switch, help="multiply base_learning_rate by all samples of a step (model.scale_lr); default")
    add("--datadir_in_name", **switch, default=True, help="put the name of --data_root before the time; default")
    add("--actual_resume", type=Path, metavar="WEIGHTS", help="the model to start from (model.params.ckpt_path)")
    add("--data_root", type=Path, metavar="PHOTOS", help="the photos: a folder, a manifest or a pickle")
    add("--embedding_manager_ckpt", type=Path, metavar="FILE", help="start from this embeddings_gs-N file")
    add("--placeholder_string", metavar="WORD", help="the one placeholder, instead of the config's")
    add("--init_word", metavar="WORD", help="the word that the first placeholder starts from")
    add("--gpus", metavar="0,", help="CUDA devices: '0,' is the first, '2' are two; the CPU where there is none")
    add("--wandb", action="store_true", help="log to W&B too (lightning.logger=wandb)")
    return parser
