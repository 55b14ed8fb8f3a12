import numpy as np

from seqtrain.board.projector import write_projector


def test_projector_has_a_line_for_each_token_and_none_for_padding(tmp_path, rng):
    tokens = ["", "[unk]", "the", "a\tb", "c\nd", "\udcff", "#"]
    embedding = rng.normal(size=(7, 3)).astype("float32")
    write_projector(tmp_path, embedding, tokens)
    found = np.loadtxt(tmp_path / "embedding.tsv", delimiter="\t")
    np.testing.assert_allclose(found, embedding[1:], atol=1e-5)
    labels = (tmp_path / "tokens.tsv").read_text("utf-8")
    assert labels.split("\n") == ["[unk]", "the", "a\\tb", "c\\nd", "?", "#", ""]


def test_projector_takes_the_most_frequent_tokens(tmp_path):
    number = 10_500
    write_projector(tmp_path, np.zeros((number, 1)), [str(k) for k in range(number)])
    for name in ("embedding.tsv", "tokens.tsv"):
        assert len((tmp_path / name).read_text().splitlines()) == 10_000 - 1
