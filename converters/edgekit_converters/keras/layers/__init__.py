"""Layer converters, a module for each family of Keras' layers."""
