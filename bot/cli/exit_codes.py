"""How the command tells other programs what became of it; 0 is success."""

EXIT_FAILED, EXIT_CONFIG, EXIT_LOGIN = 1, 2, 3
