"""Plugins: what they are (`plugin`), and how they are told about calls without being able to harm one (`hooks`)."""
