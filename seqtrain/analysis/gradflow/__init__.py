"""How far back the gradient of a model reaches, layer by layer, and what to change.

measure    the gradient of each hidden state and the gates, for one batch
curve      a mean norm by lag: its slope, half-life and reach
summary    the measurements of a layer over all batches, as JSON holds them
verdict    what the numbers mean in words, and the keys that may help
result     all of it together, for a run or a config
"""

from .result import gradflow, gradflow_of_config, gradflow_of_run

__all__ = ["gradflow", "gradflow_of_config", "gradflow_of_run"]
