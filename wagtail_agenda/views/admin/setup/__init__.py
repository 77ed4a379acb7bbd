"""Forms and views of the set-up screens, where Wagtail's own do not know enough.

What is wrong is said at its field. Drafts may lack anything, so every check copes with empty
values.
"""
