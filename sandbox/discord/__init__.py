"""A Discord on this machine: REST, gateway, CDN and voice, on real wires, for unmodified clients."""
