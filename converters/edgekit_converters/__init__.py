"""Importers, one package a source format. Each names its converter class in ``CONVERTER`` and imports its framework only in ``load``."""
