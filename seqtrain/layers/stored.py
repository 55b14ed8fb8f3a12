"""Weights in a file where `keras.layers` has them, so that files go both ways."""


class StoredAsInKeras:
    """A recurrent layer whose weights lie in a file as in one of `keras.layers`.

    There the weights are not the layer's own but those of its cell, one level down:

        layers/lstm/cell/vars/0

    Files of earlier versions of seqtrain have no such level, and their `SimpleRNN` is
    an `rnn`; they are read as well.
    """

    def save_own_variables(self, store):
        path = _path(store)
        if path is not None:
            store = store.make(_cell_in(path))
        super().save_own_variables(store)

    def load_own_variables(self, store):
        path = _path(store)
        if path is not None and not store.keys():
            places = [_cell_in(path), "/rnn".join(path.rsplit("/simple_rnn", 1))]
            store = next((s for s in map(store.get, places) if s.keys()), store)
        super().load_own_variables(store)


def _cell_in(path):
    return f"{path}/cell".lstrip("/")


def _path(store):
    """The place of a layer in an HDF5 file; None if the store is a dictionary."""
    # It has no public name (Keras 3.15).
    return getattr(store, "_h5_entry_path", None)
