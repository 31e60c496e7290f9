"""Models and services behind the protocols of ``ports``: one engine a file."""
