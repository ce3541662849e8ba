"""The exit codes of the `parley` command; 0 means success."""

EXIT_FAILED, EXIT_CONFIG, EXIT_LOGIN = 1, 2, 3
