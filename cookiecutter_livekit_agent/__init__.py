"""The template as a package, and the command that bakes it."""
