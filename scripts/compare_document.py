"""The document's programs, by seqtrain and in plain Keras as users write them.

    python scripts/compare_document.py TRAIN [RESULTS]

TRAIN is a CSV file with the columns `text` and `label`. For each cell and three seeds,
`configs/document_<cell>.yaml` is trained beside the document's listing in plain Keras:
sequences padded on the left, no mask, a sigmoid output. Both begin with the same
weights and see the same batches. Accuracies on the validation part, epoch by epoch, go
to RESULTS (document.jsonl), one line a training; what stands there is not run again.
The table of means goes to stdout.
"""

import json
import sys
from itertools import product
from pathlib import Path

from seqtrain.system.quiet import import_tensorflow

import_tensorflow()

import keras  # noqa: E402
import numpy as np  # noqa: E402

from seqtrain.config import Config, load_config  # noqa: E402
from seqtrain.data.batches import epoch_batches  # noqa: E402
from seqtrain.data.encoded import Encoded  # noqa: E402
from seqtrain.models.build import build_model  # noqa: E402
from seqtrain.models.compile import compile_model  # noqa: E402
from seqtrain.tasks import Data, load_data  # noqa: E402
from seqtrain.training.loop import fit  # noqa: E402

CONFIGS = Path(__file__).parents[1] / "configs"
BUCKETS = [13, 18, 25, 36, 50]  # with which the published table was made
CELLS = ("rnn", "lstm", "gru")
SEEDS = (0, 1, 2)
KERAS_LAYERS = {
    "rnn": keras.layers.SimpleRNN,
    "lstm": keras.layers.LSTM,
    "gru": keras.layers.GRU,
}


def measure(cell: str, seed: int, train: str) -> dict:
    """Train both; return their validation accuracies, epoch by epoch."""
    config = load_config(
        CONFIGS / f"document_{cell}.yaml",
        [
            f"data={{source: files, train: {train}, vocabulary: 10000, "
            f"max_length: 50, buckets: {BUCKETS}}}",
            f"seed={seed}",
        ],
    )
    data = load_data(config.data, seed=0)  # one split for all seeds
    keras.utils.set_random_seed(seed)
    ours = build_model(config, vocab_size=len(data.vocab), num_classes=2)
    theirs = plain_model(cell)
    theirs.set_weights(ours.get_weights())
    steps = -(-data.train.examples // config.train.batch_size)
    compile_model(ours, config, steps_per_epoch=steps)
    history = fit(ours, data, config)
    return {
        "cell": cell,
        "seed": seed,
        "seqtrain": history["val_accuracy"],
        "keras": fit_plain(theirs, config, data),
    }


def plain_model(cell: str) -> keras.Model:
    """The document's listing."""
    layer = KERAS_LAYERS[cell]
    model = keras.Sequential(
        [
            keras.Input((50,)),
            keras.layers.Embedding(10000, 64),
            layer(64, return_sequences=True),
            layer(64),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(
        optimizer="adam",
        loss="binary_crossentropy",
        metrics=["accuracy"],
        jit_compile=True,
    )
    return model


def fit_plain(model: keras.Model, config: Config, data: Data) -> list[float]:
    """Train on the batches that seqtrain trains on."""
    tokens, validation = padded(data.train), padded(data.validation)
    accuracies = []
    for epoch in range(config.train.epochs):
        batches = epoch_batches(
            data.train.lengths,
            batch_size=config.train.batch_size,
            buckets=data.buckets,
            seed=config.seed,
            epoch=epoch,
        )
        for batch in batches:
            model.train_on_batch(
                tokens[batch.indices], data.train.targets[batch.indices, None]
            )
        _, accuracy = model.evaluate(
            validation, data.validation.targets[:, None], batch_size=250, verbose=0
        )
        accuracies.append(accuracy)
    return accuracies


def padded(encoded: Encoded) -> np.ndarray:
    """All sequences at one length, padded as Keras does unless told."""
    sequences = [encoded.inputs_of(index) for index in range(encoded.examples)]
    return keras.utils.pad_sequences(sequences, maxlen=50)


def table(results: list[dict]) -> str:
    """Mean validation accuracy of the seeds, epoch by epoch, in percent."""
    epochs = range(1, 1 + len(results[0]["keras"]))
    rows = [["cell", "program", *map(str, epochs)], ["---"] * (2 + len(epochs))]
    for cell in CELLS:
        runs = [result for result in results if result["cell"] == cell]
        means = {
            program: 100 * np.mean([run[program] for run in runs], axis=0)
            for program in ("seqtrain", "keras")
        }
        means["difference"] = means["seqtrain"] - means["keras"]
        rows += [
            [cell, program, *(f"{mean:.1f}" for mean in curve)]
            for program, curve in means.items()
        ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def main() -> None:
    """Run what is missing, then print the table."""
    train = sys.argv[1]
    path = Path(sys.argv[2] if len(sys.argv) > 2 else "document.jsonl")
    results = []
    if path.exists():
        results = [json.loads(line) for line in path.read_text().splitlines()]
    done = {(result["cell"], result["seed"]) for result in results}
    for cell, seed in product(CELLS, SEEDS):
        if (cell, seed) not in done:
            results.append(measure(cell, seed, train))
            with path.open("a") as file:
                file.write(json.dumps(results[-1]) + "\n")
            print(cell, seed, file=sys.stderr)
    print(table(results))


if __name__ == "__main__":
    main()
