"""Train the model that the merged configs describe: ``python main.py --base A.yaml -t``."""

import logging
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when torch is imported: idle threads must not spin

from ldm.commands import set_up_logging, short_errors
from ldm.runs.options import Options, parse_options

if TYPE_CHECKING:  # what is imported late is slow, and --help is not
    from omegaconf import DictConfig
    from pytorch_lightning import LightningModule

    from ldm.runs.folder import RunFolder

logger = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code: 0, 1 after an error, 2 for a wrong option, 130 or 143 after a signal (in the first process)."""
    set_up_logging()
    try:
        options = parse_options(sys.argv[1:] if argv is None else argv)
        with short_errors():
            return start(options)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 1


def start(options: Options) -> int:
    """What the options ask for; with ``--debug``, an error opens the debugger where it happened."""
    try:
        return check_and_train(options)
    except Exception:
        if options.debug:
            import pdb
            import traceback

            traceback.print_exc()
            pdb.post_mortem()
        raise


def check_and_train(options: Options) -> int:
    """Read and check the config; then show it, or train in a new folder or in the one to go on with."""
    from ldm.runs.environment import environment
    from ldm.runs.folder import RunFolder
    from ldm.runs.settings import config_of, datadir_of, log_differences, require_photos, seed_of
    from ldm.runs.stored_basis import model_to_go_on
    from ldm.runs.train import build_model

    old = RunFolder.open(options.resume) if options.resume else None
    config = config_of(options, old)
    seed = seed_of(options, config)
    if options.dry_run:
        return dry_run(config, seed, old)
    if not options.train:
        print("The config is sound. Add -t to train, or --dry-run to see what would be trained.")
        return 0
    require_photos(config)
    checkpoint = old.checkpoint(options.resume) if old else None
    # The model is built before anything is written: what fails there leaves nothing behind.
    model = model_to_go_on(config, old, seed) if old else build_model(config, seed)
    if old is None:
        name = (options.name or options.base[0].stem) + options.postfix
        run = RunFolder.create(options.logdir, name, config, environment(seed), datadir_of(options))
    else:
        run = old
        log_differences(run, config)
    return train(options, config, model, run, checkpoint, environment(seed))


def dry_run(config: "DictConfig", seed: int, old: "RunFolder | None") -> int:
    """Show the config, what would be trained and what would be written. The weights are read, nothing else is done."""
    from ldm.config import to_yaml
    from ldm.runs.summary import trained
    from ldm.runs.train import build_model

    print(to_yaml(config))
    model = build_model(config, seed)
    print("Trained parameters:", *(f"  {line}" for line in trained(model).lines()), sep="\n")
    where = old.path if old else "a new folder"
    print(f"\nWould be written, in {where}: configs/, checkpoints/, images/, tensorboard/. This was a dry run.")
    return 0


def train(
    options: Options,
    config: "DictConfig",
    model: "LightningModule",
    run: "RunFolder",
    checkpoint: Path | None,
    versions: "Mapping[str, Any]",
) -> int:
    """Train, and say where everything lies and what to type next.

    The config of a run that goes on is replaced once its checkpoint is loaded: what cannot begin changes nothing.
    """
    from ldm.runs import train as training
    from ldm.runs.processes import process_rank

    if process_rank() == 0:
        print(f"Run: {run.path}", flush=True)
    go_on = f"python main.py -r {shlex.quote(str(run.path))} -t"
    begun = (lambda: run.go_on(config, versions)) if checkpoint else None
    try:
        code = training.train(
            config,
            model,
            run,
            checkpoint,
            test=not options.no_test,
            debug=options.debug,
            begun=begun,
        )
    except BaseException:
        if (run.checkpoints / "last.ckpt").exists():
            logger.warning("the last good checkpoint is kept; go on from it: %s", go_on)
        raise
    if process_rank() == 0:
        print(f"Stopped and saved. Go on: {go_on}" if code else results(run, config))
        return code
    return 0  # after a signal too: Lightning takes another code for a crash, and kills the first process


def results(run: "RunFolder", config: "DictConfig") -> str:
    """Where the results lie and the command that draws them."""
    from ldm.runs.next_step import next_step

    command = next_step(run, config)
    return f"Results: {run.path}" + (f"\nNext: {command}" if command else "")


if __name__ == "__main__":
    sys.exit(main())
