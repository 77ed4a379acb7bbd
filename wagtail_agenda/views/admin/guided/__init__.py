"""A new agenda in three steps: what is booked, when, and what people get.

What is typed is kept in the session step by step, valid or not, so that going back loses nothing.
Rows are only made at the end, all of them or none.
"""
