"""What each tag means, for those who read a dashboard."""

from fnmatch import fnmatchcase

# By pattern of the tag; the first that fits.
DESCRIPTIONS = {
    "epoch/loss": "The loss over epochs, so that runs with few and with many steps "
    "can be compared. Of training: the mean while the model changes.",
    "epoch/accuracy": "The accuracy over epochs, so that runs with few and with many "
    "steps can be compared. Of training: the mean while the model changes.",
    "best/*": "The value of the validation data in the best epoch so far, which "
    "`model.keras` is from.",
    "loss": "Of training: the mean over `log.every` steps. Of validation: after each "
    "epoch.",
    "accuracy": "The share that is right. Of training: over `log.every` steps. Of "
    "validation: after each epoch.",
    "learning_rate": "The learning rate of the step.",
    "gradient_norm": "The norm of the gradients of all weights together, before "
    "clipping; the mean over `log.every` steps.",
    "clipped_share": "The share of the steps whose gradient was longer than "
    "`train.clip_norm`.",
    "update_ratio": "The norm of one step's change of all weights, divided by the norm "
    "of the weights. About 0.001 is usual.",
    "padding_share": "The share of the timesteps that are padding; time spent on "
    "nothing.",
    "examples_per_second": "Examples a second, waiting for data included.",
    "gradient_flow/curves": "Norm of the gradient by lag: how much of the last "
    "timestep's error reaches earlier ones. Dotted: 1%.",
    "gradient_flow/history": "How much of the gradient is left, by lag and training "
    "step.",
    "gradient_flow/*/reach_steps": "The lag at which 1% of the gradient is left, in "
    "timesteps; the longest lag there is, if more is left everywhere.",
    "gradient_flow/*/slope_decades_per_step": "Powers of ten by which the gradient "
    "changes from one timestep to the one before: below 0 it vanishes, above it "
    "explodes.",
    "gradient_flow/*/memory_steps": "Timesteps after which the gates keep 1/e of the "
    "state.",
    "gradient_flow/*/nonfinite": "Timesteps whose gradient is not finite.",
    "gradient_flow/*singular_value": "The largest singular value of a kernel.",
    "gradient_flow/*saturated_share": "The share of the timesteps at which a unit or "
    "gate is saturated, so that hardly any gradient passes.",
    "gradient_flow/*/gate_*": "The mean of a gate over examples and timesteps, a value "
    "for each unit.",
    "weights/*": "The values of a weight.",
    "gradients/*": "The gradient of a weight on the first 64 training examples.",
    "confusion": "Of the validation data: what is taken for what, a row for each true "
    "class.",
    "calibration": "Of the validation data: is a class that is named with 80% "
    "confidence right 8 times of 10? On the dashed line it is.",
    "config": "Every value in force.",
    "samples": "The first examples of the validation data and what the model says; in "
    "bold where it is wrong.",
    "worst_errors": "The errors that the model is surest of, in the validation data.",
}


def description(tag: str) -> str | None:
    """What a tag means; None for a tag that nobody described."""
    texts = (text for tag_, text in DESCRIPTIONS.items() if fnmatchcase(tag, tag_))
    return next(texts, None)
