"""How rows go that have several owners to choose from."""

from django.db.models import Field
from django.db.models.deletion import Collector


def with_its_owner(collector: Collector, field: Field, rows, using: str) -> None:
    """As `CASCADE`, for a foreign key that may be empty and that a constraint keeps filled.

    Before it deletes, Django's own empties such a key on databases that check at once, as MariaDB
    does; but a row with no owner at all is what the constraint forbids.
    """
    collector.collect(rows, source=field.remote_field.model, source_attr=field.name, nullable=False)
