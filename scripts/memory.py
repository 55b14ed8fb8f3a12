"""Who remembers how far: cells against distances, on generated reviews.

    python scripts/memory.py [RESULTS]

Every cell is trained on `configs/memory.yaml` at every distance with three seeds and
equally many updates. The test accuracy of the epoch with the best validation loss goes
to RESULTS (memory.jsonl), one line a training; what stands there is not run again. The
table of means goes to stdout.
"""

import json
import sys
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor, as_completed
from itertools import product
from multiprocessing import get_context
from pathlib import Path

CONFIG = Path(__file__).parents[1] / "configs" / "memory.yaml"
DISTANCES = (10, 25, 50, 100, 200)
SEEDS = (0, 1, 2)
BEFORE = 20  # words before the verdict
CELLS = {
    "RNN, glorot": "{cell: rnn, units: 64, recurrent_initializer: glorot}",
    "RNN, orthogonal": "{cell: rnn, units: 64, recurrent_initializer: orthogonal}",
    "GRU": "{cell: gru, units: 64}",
    "LSTM, forget bias one": "{cell: lstm, units: 64}",
    "LSTM, chrono": "{cell: lstm, units: 64, bias_initializer: chrono}",
}


def measure(cell: str, distance: int, seed: int) -> dict:
    """Train once; return the accuracies of the best epoch."""
    from seqtrain.system.quiet import import_tensorflow

    import_tensorflow()
    import keras
    import tensorflow as tf

    from seqtrain.config import load_config
    from seqtrain.data.batches import dataset, epoch_batches
    from seqtrain.models.build import build_model
    from seqtrain.models.compile import compile_model
    from seqtrain.tasks import load_data
    from seqtrain.training.loop import fit

    # One thread a training, two trainings at a time: faster than the other way round.
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    length = distance + BEFORE
    config = load_config(
        CONFIG,
        [
            f"seed={seed}",
            f"model.layers=[{CELLS[cell]}]",
            f"data.distance={distance}",
            f"data.length={length}",
            f"data.max_length={length}",
            f"data.buckets=[{length}]",
        ],
    )
    data = load_data(config.data, seed=seed)
    keras.utils.set_random_seed(seed)
    model = build_model(config, vocab_size=len(data.vocab), num_classes=2)
    steps = -(-data.train.examples // config.train.batch_size)
    compile_model(model, config, steps_per_epoch=steps)
    best = keras.callbacks.EarlyStopping(
        "val_loss", patience=config.train.epochs, restore_best_weights=True
    )
    history = fit(model, data, config, callbacks=[best])
    batches = epoch_batches(data.test.lengths, batch_size=256, buckets=[length])
    test = model.evaluate(dataset(data.test, batches), return_dict=True, verbose=0)
    return {
        "cell": cell,
        "distance": distance,
        "seed": seed,
        "updates": int(model.optimizer.iterations),
        "validation": history["val_accuracy"],
        "test_accuracy": test["accuracy"],
    }


def table(results: list[dict]) -> str:
    """Mean test accuracy and, in brackets, the lowest and the highest seed."""
    found = defaultdict(list)
    for result in results:
        found[result["cell"], result["distance"]].append(result["test_accuracy"])

    def entry(accuracies):
        if not accuracies:
            return "-"
        mean = sum(accuracies) / len(accuracies)
        return f"{mean:.3f} ({min(accuracies):.3f} to {max(accuracies):.3f})"

    head = ["cell", *(f"{distance} words" for distance in DISTANCES)]
    rows = [
        [cell, *(entry(found[cell, distance]) for distance in DISTANCES)]
        for cell in CELLS
    ]
    rule = ["---"] * len(head)
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, rule, *rows])


def main() -> None:
    """Run what is missing, then print the table."""
    path = Path(sys.argv[1] if len(sys.argv) > 1 else "memory.jsonl")
    results = []
    if path.exists():
        results = [json.loads(line) for line in path.read_text().splitlines()]
    done = {(r["cell"], r["distance"], r["seed"]) for r in results}
    wanted = [w for w in product(CELLS, DISTANCES, SEEDS) if w not in done]
    pool = ProcessPoolExecutor(
        2, mp_context=get_context("spawn"), max_tasks_per_child=1
    )
    with pool, path.open("a") as file:
        for future in as_completed(pool.submit(measure, *w) for w in wanted):
            result = future.result()
            results.append(result)
            file.write(json.dumps(result) + "\n")
            file.flush()
            print(*list(result.values())[:4], result["test_accuracy"], file=sys.stderr)
    print(table(results))


if __name__ == "__main__":
    main()
