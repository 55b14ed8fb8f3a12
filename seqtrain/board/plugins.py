"""What TensorBoard's own plugins can't show."""

from tensorboard.plugins.pr_curve.pr_curves_plugin import PrCurvesPlugin

from .curves import THRESHOLD_ROW


class QuantilePrCurves(PrCurvesPlugin):
    """PR curves at the thresholds that they were written with.

    The plugin of TensorBoard 2.21 takes all thresholds to be spread evenly.
    """

    def _make_pr_entry(self, step, wall_time, data_array):
        entry = super()._make_pr_entry(step, wall_time, data_array)
        if len(data_array) > THRESHOLD_ROW:  # a run of an earlier version has no more
            number = len(entry["thresholds"])
            entry["thresholds"] = data_array[THRESHOLD_ROW, :number].tolist()
        return entry
