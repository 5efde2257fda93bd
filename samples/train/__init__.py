"""Scripts that train the models of ``samples/models``; nothing else needs them."""
