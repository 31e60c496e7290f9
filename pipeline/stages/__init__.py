"""The steps as pure functions: values in, values out."""
