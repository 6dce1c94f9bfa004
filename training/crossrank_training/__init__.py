"""The recipe of the bundled cross-encoder, from data to the files of the model."""
