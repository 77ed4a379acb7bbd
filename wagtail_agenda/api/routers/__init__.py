"""The calls themselves, one module for each part of the documentation. They are thin."""
