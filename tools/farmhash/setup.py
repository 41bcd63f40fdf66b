"""Stands in for pyfarmhash, under its name, so that what asks for it is satisfied."""

from setuptools import setup

setup(name="pyfarmhash", version="0.3.2+pure", license="MIT", py_modules=["farmhash"])
