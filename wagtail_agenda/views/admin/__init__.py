"""What agents work with every day, inside the Wagtail admin."""
