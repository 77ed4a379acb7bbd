"""The shapes of what is asked and of what is answered, of which the interface describes itself.

What is asked is read by them. What is answered is made without them, in `answers`: the tests hold
the two together.

=========  ============================================================
given      what bodies and queries are made of
filling    what books and holds
listing    what lists agendas and slots
agendas    what is answered about agendas and slots
bookings   about bookings
events     about events
failures   about calls that did nothing
=========  ============================================================
"""
