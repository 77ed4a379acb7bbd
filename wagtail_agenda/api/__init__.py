"""What other systems call: JSON in, JSON out, and nobody who is not known.

The addresses, parameters and answers are those that the Publik suite documents for its agendas, so
that forms which speak to these can speak to this site as they are. The interface describes itself
at ``api/openapi.json``.

==================  ==================================================================
urls                the addresses, and the interface that describes them
calls               what surrounds every call
auth                who is calling, and what they may do
reading             what came with a call
idempotency         the same call again gets the same answer and changes nothing
finding             what a call is about
schemas             the shapes of parameters, bodies and answers
shapes_of_bookings  those of bookings, and ``shapes_of_events`` of events
routers             the calls themselves
set_up_events       events and their series, made and changed as a call says
answers             how agendas, slots and bookings are told
errors              calls that are answered with an error
==================  ==================================================================
"""
