"""What holds for all tests, those of the plugins as well."""

pytest_plugins = ["tests.watching"]
