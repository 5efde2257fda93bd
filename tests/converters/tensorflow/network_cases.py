from tests.converters.tensorflow.cases import Case

NETWORKS: list[Case] = []
