"""What other systems call: JSON in, JSON out, and nobody who is not known.

The addresses, parameters and answers are those that the Publik suite documents for its agendas, so
that forms which speak to these can speak to this site as they are. The interface describes itself
at ``api/openapi.json``.

=================  ==================================================================
urls               the addresses
description        the interface as it describes itself
calls              what surrounds every call
auth               who is calling, and what they may do
reading            what came with a call
idempotency        the same call again gets the same answer and changes nothing
finding            what a call is about
shapes             the shapes of parameters, bodies and answers
listing            which slots a call is shown, and for whom they are taken
filling            a slot is booked or held as a call says
noting_attendance  who came, as a call says
set_up_agendas     agendas, made, changed and removed as a call says
set_up_events      events and their series, made and changed as a call says
routers            the calls themselves
answers            how agendas, slots and bookings are told
errors             calls that are answered with an error
=================  ==================================================================
"""
