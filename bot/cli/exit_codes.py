"""The exit codes of the `parley` command; 0 means success. `EXIT_DIFFERS`: a live check or a
replay found differences. `EXIT_UNSEEN`: a live check found none, and has not seen everything."""

EXIT_FAILED, EXIT_CONFIG, EXIT_LOGIN, EXIT_DIFFERS, EXIT_UNSEEN = 1, 2, 3, 4, 5
