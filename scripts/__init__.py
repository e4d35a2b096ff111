"""Checks that are run by hand or by the Makefile, never by the product."""
