"""From one YAML file to typed settings for the host and for every server."""
