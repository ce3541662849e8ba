"""Tests, in folders that mirror the source tree; `calls/` holds those of whole calls on the real wires."""
