"""The classifiers that a recurrent network has to beat."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from ..data.sources.examples import Examples
from ..errors import RunError
from ..metrics import logits_to_probabilities
from ..system.arrays import read_arrays
from ..system.folder import MIB, Folder

FILE = "baselines.npz"  # in a run directory
# Words, and every other sign that is not a space, so that each text has a token.
TOKEN_PATTERN = r"\w+|[^\w\s]"
# What other arrays than those of `save` lead to.
_DAMAGES = (AttributeError, KeyError, TypeError, ValueError)
_MOST = 512 * MIB  # bytes


class Classifiers(NamedTuple):
    """The majority class, and TF-IDF with logistic regression, as plain arrays.

    In the shapes, C is the number of classes, K the number of classes that occur in
    the training data, F the number of tokens, and R the rows of the regression: one
    for two classes, else K.

    Args:
        tokens: The tokens, F of them.
        idf: The inverse document frequency of each token, `(F,)`.
        coefficients: The weights of the logistic regression, `(R, F)`.
        intercepts: The biases of the logistic regression, `(R,)`.
        shares: The share of each class in the training data, `(C,)`.
    """

    tokens: list[str]
    idf: np.ndarray
    coefficients: np.ndarray
    intercepts: np.ndarray
    shares: np.ndarray

    def predict_probabilities(self, texts: Sequence[str]) -> dict[str, np.ndarray]:
        """Return the probabilities by the name of the baseline, each `(texts, C)`."""
        vectorizer = TfidfVectorizer(
            token_pattern=TOKEN_PATTERN, vocabulary=self.tokens
        )
        vectorizer.idf_ = self.idf
        logits = vectorizer.transform(texts) @ self.coefficients.T + self.intercepts
        regression = np.zeros((len(texts), len(self.shares)))
        regression[:, self.shares > 0] = logits_to_probabilities(logits)
        return {
            "majority": np.tile(self.shares, (len(texts), 1)),
            "tfidf_logistic_regression": regression,
        }

    def save(self, path: Path) -> None:
        """Write an `.npz` file, whole or not at all."""
        # As one string: in an array of strings each takes the space of the longest.
        tokens = "\n".join(self.tokens).encode("utf-8", "surrogatepass")
        arrays = self._asdict() | {"tokens": np.frombuffer(tokens, np.uint8)}
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **arrays)
        Folder(path.parent).replace(path.name, buffer.getvalue())

    @classmethod
    def load(cls, path: Path) -> "Classifiers":
        """Read what `save` wrote.

        Raises:
            RunError: If the file is damaged, or does not hold classifiers.
        """
        try:
            arrays = read_arrays(Folder(path.parent).read(path.name, _MOST))
            tokens = arrays.pop("tokens").tobytes().decode("utf-8", "surrogatepass")
            classifiers = cls(tokens=tokens.split("\n"), **arrays)
            whole = classifiers._has_matching_shapes()
        except _DAMAGES:
            whole = False
        if not whole:
            raise RunError(
                f"{path} is damaged, complete baselines were expected",
                hint="delete it: it is made again from the training data",
            )
        return classifiers

    def _has_matching_shapes(self) -> bool:
        classes = np.count_nonzero(self.shares > 0)
        rows = 1 if classes == 2 else classes
        return (
            self.idf.shape == (len(self.tokens),)
            and self.coefficients.shape == (rows, len(self.tokens))
            and self.intercepts.shape == (rows,)
            and self.shares.ndim == 1
        )


def load_classifiers(
    run: Path, label_names: Sequence[str], fit: Callable[[], Classifiers]
) -> Classifiers:
    """Load the classifiers of a run; the first call fits and saves them.

    Args:
        run: The run directory.
        label_names: The names of the run's classes.
        fit: Fits the classifiers.

    Raises:
        RunError: If they are damaged, or were fitted to other classes.
    """
    path = run / FILE
    if not Folder(run).has(FILE):
        fit().save(path)
    classifiers = Classifiers.load(path)
    if len(classifiers.shares) != len(label_names):
        raise RunError(
            f"{path} is damaged, it has {len(classifiers.shares)} classes, "
            f"labels.json {len(label_names)}",
            hint="delete it: it is made again from the training data",
        )
    return classifiers


def fit_classifiers(train: Examples, label_names: Sequence[str]) -> Classifiers:
    """Fit the classifiers with scikit-learn's defaults.

    Args:
        train: The training examples, of two classes or more.
        label_names: The names of all classes, in the order of their ids.
    """
    ids = {name: index for index, name in enumerate(label_names)}
    labels = np.array([ids[label] for label in train.labels])
    vectorizer = TfidfVectorizer(token_pattern=TOKEN_PATTERN)
    features = vectorizer.fit_transform(train.texts)
    # IMDB takes 51 iterations; the default limit of 100 leaves other data little room.
    regression = LogisticRegression(max_iter=1000).fit(features, labels)
    return Classifiers(
        tokens=vectorizer.get_feature_names_out().tolist(),
        idf=vectorizer.idf_,
        coefficients=regression.coef_,
        intercepts=regression.intercept_,
        shares=np.bincount(labels, minlength=len(label_names)) / len(labels),
    )
