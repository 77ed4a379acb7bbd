"""The form of an agenda: its fields, in which words, and in which order.

Which of them an agenda shows depends on its kind: see `setup.kinds`.
"""

from django import forms
from django.utils.translation import gettext_lazy as _
from wagtail.admin.panels import (
    FieldPanel,
    FieldRowPanel,
    HelpPanel,
    MultiFieldPanel,
    ObjectList,
    TabbedInterface,
)

from wagtail_agenda.views.admin.setup import advice, agendas, asking, members

agenda_panels = TabbedInterface(
    [
        ObjectList(
            [
                advice.AdvicePanel(heading=_("What looks wrong"), icon="warning"),
                agendas.OffersPanel(heading=_("What can be booked"), icon="list-ul"),
                members.MembersPanel(
                    "members",
                    panels=[FieldPanel("agenda", widget=forms.Select)],
                    heading=_("The agendas behind it"),
                    label=_("agenda"),
                    icon="list-ol",
                    help_text=_(
                        "Visitors choose among the free times of all of them, and come to one "
                        "that is free: to the one with the fewest bookings that day, and of these "
                        "to the first in this list. Each keeps its own hours, desks and mails."
                    ),
                ),
                MultiFieldPanel(
                    [
                        FieldPanel(
                            "label",
                            help_text=_(
                                "Visitors read it on the page and in their calendar, colleagues "
                                "in every list: “Passports and identity cards”."
                            ),
                        ),
                        FieldPanel(
                            "kind",
                            widget=forms.RadioSelect,
                            required_on_save=True,
                            help_text=_(
                                "Appointments: visitors choose a time at a desk. "
                                "Events: visitors choose a date with a number of places. "
                                "Several as one: visitors choose among the times of other "
                                "agendas, whichever is free. The fields that a kind has appear "
                                "once it is saved. It cannot change once something can be booked."
                            ),
                        ),
                        FieldPanel(
                            "description",
                            help_text=_(
                                "Stands in the calendar entries of visitors and staff, unless an "
                                "event has a description of its own."
                            ),
                        ),
                        FieldPanel(
                            "slug",
                            help_text=_(
                                "Part of the addresses of the agenda view, and of the names that "
                                "other systems use. Left empty, it is made from the label."
                            ),
                        ),
                    ],
                    heading=_("What this agenda is for"),
                ),
                MultiFieldPanel(
                    [
                        FieldPanel(
                            "location",
                            help_text=_(
                                "Stands in every invitation. With a whole address, calendars "
                                "show a map and the way."
                            ),
                        ),
                        FieldPanel(
                            "contact",
                            help_text=_(
                                "Stands in every mail, and on the page when nothing is free: a "
                                "telephone number, an address."
                            ),
                        ),
                        FieldPanel(
                            "url",
                            help_text=_(
                                "Stands in the calendar entry, for who wants to read more. Leave "
                                "out private addresses: everybody who is invited sees it."
                            ),
                        ),
                    ],
                    heading=_("Where visitors go, and whom they can ask"),
                ),
            ],
            heading=_("Agenda"),
        ),
        ObjectList(
            [
                MultiFieldPanel(
                    [
                        FieldPanel(
                            "schedule",
                            help_text=_(
                                "Appointments are offered at these hours, at every desk without "
                                "hours of its own. Without a schedule, and without such desks, "
                                "nothing can be booked. Events do not need it."
                            ),
                        ),
                        FieldPanel(
                            "closure_calendars",
                            widget=forms.CheckboxSelectMultiple,
                            help_text=_(
                                "On the days of any of them, no appointment is offered at any "
                                "desk. What is booked already stays booked."
                            ),
                        ),
                        FieldPanel(
                            "timezone",
                            help_text=_(
                                "Opening hours are meant in this zone, and all times are shown "
                                "in it, on pages and in mails."
                            ),
                            widget=forms.Select(choices=agendas.time_zone_choices()),
                            # Not even a draft works without: its times could not be shown.
                            required_on_save=True,
                        ),
                        asking.QuestionPanel(),
                    ],
                    heading=_("When it is open"),
                ),
                MultiFieldPanel(
                    [
                        FieldRowPanel(
                            [
                                FieldPanel(
                                    "minimal_booking_delay",
                                    help_text=_(
                                        "A time that begins sooner than this cannot be booked by "
                                        "visitors. Colleagues can still book it for them."
                                    ),
                                ),
                                FieldPanel("minimal_booking_delay_unit", heading=_("in")),
                            ]
                        ),
                        FieldRowPanel(
                            [
                                FieldPanel(
                                    "maximal_booking_delay",
                                    help_text=_(
                                        "Times later than this are not offered yet. Each day, a "
                                        "new one appears at the end."
                                    ),
                                ),
                                FieldPanel("maximal_booking_delay_unit", heading=_("in")),
                            ]
                        ),
                    ],
                    heading=_("How early and how late visitors can book"),
                ),
                MultiFieldPanel(
                    [
                        FieldPanel(
                            "resources",
                            widget=forms.CheckboxSelectMultiple,
                            help_text=_(
                                "Appointment types of this agenda can need these. Agendas that "
                                "offer the same one never give it away twice at a time."
                            ),
                        )
                    ],
                    heading=_("What it shares with other agendas"),
                ),
            ],
            heading=_("Opening times"),
        ),
        ObjectList(
            [
                MultiFieldPanel(
                    [FieldPanel("needs_approval"), FieldPanel("approval_hours")],
                    heading=_("Whether an agent has to approve"),
                ),
                MultiFieldPanel(
                    [
                        FieldPanel(
                            "waiting_list_promotion",
                            heading=_("Who decides when a place becomes free"),
                            widget=forms.RadioSelect,
                        ),
                        FieldPanel("offer_hours"),
                    ],
                    heading=_("Who moves up from the waiting list"),
                ),
                MultiFieldPanel(
                    [FieldPanel("several_events")],
                    heading=_("Whether visitors choose several at once"),
                ),
                MultiFieldPanel(
                    [
                        FieldPanel(
                            "bookings_per_day",
                            help_text=_(
                                "Left empty, there is no limit. Who gives the same e-mail address, "
                                "or is known to another system by the same id, is one person."
                            ),
                        ),
                        FieldPanel("bookings_per_week"),
                        FieldPanel("bookings_per_person"),
                        FieldPanel("places_per_booking"),
                    ],
                    heading=_("Limits for one person"),
                ),
                MultiFieldPanel(
                    [FieldPanel("visitors_may_move"), FieldPanel("move_notice")],
                    heading=_("Whether visitors move their bookings themselves"),
                ),
                MultiFieldPanel(
                    [FieldPanel("retention_days")],
                    heading=_("How long it is known who came"),
                ),
            ],
            heading=_("Rules for bookings"),
        ),
        ObjectList(
            [
                MultiFieldPanel(
                    [
                        FieldPanel("staff_addresses"),
                        FieldPanel(
                            "workflow",
                            help_text=_(
                                "What happens with each booking: its statuses, and the mails "
                                "they send. Without one, the built-in one confirms at once and "
                                "tells the visitor by e-mail."
                            ),
                        ),
                        FieldPanel(
                            "meeting_workflow",
                            help_text=_(
                                "What happens with each meeting that colleagues call. Without one, "
                                "the built-in one invites all participants, and tells them what "
                                "changes."
                            ),
                        ),
                    ],
                    heading=_("What happens with a booking"),
                ),
                MultiFieldPanel(
                    [
                        FieldPanel(
                            "comment",
                            help_text=_(
                                "What visitors should bring or know. Stands in the confirmation "
                                "and in the calendar entry."
                            ),
                        ),
                        FieldPanel(
                            "user_display_label_template",
                            help_text=_(
                                "What visitors see as the title in their calendar. Left empty, "
                                "it is the agenda and what was booked."
                            ),
                        ),
                    ],
                    heading=_("What visitors find in their invitation"),
                ),
                MultiFieldPanel(
                    [
                        FieldPanel(
                            "tentative_entries",
                            heading=_("Tentative entries"),
                            help_text=_(
                                "Who waits for approval, is on the waiting list or is offered a "
                                "place gets an entry that keeps no time busy, and so do the "
                                "colleagues who are told. It becomes firm with the place, and "
                                "disappears without one. Otherwise there is no entry before "
                                "there is a place. It takes a mail with a calendar entry in each "
                                "of these statuses, as the built-in booking workflow sends them."
                            ),
                        ),
                        FieldRowPanel(
                            [
                                FieldPanel(
                                    "alarm_before",
                                    heading=_("Alarm before the start"),
                                    help_text=_(
                                        "Calendars are asked to remind their owner so long "
                                        "before. Left empty, they do it as they always do; some "
                                        "always do. Who has no place yet is not reminded."
                                    ),
                                ),
                                FieldPanel("alarm_before_unit", heading=_("in")),
                            ]
                        ),
                    ],
                    heading=_("What their calendar does with it"),
                ),
                MultiFieldPanel(
                    [
                        HelpPanel(
                            template="wagtail_agenda/admin/template_help.html",
                            heading=_("How to write these"),
                        ),
                        FieldPanel(
                            "label_template",
                            help_text=_(
                                "How a booking is called in the agenda view and in the calendar "
                                "of staff, before the visitor's name. Left empty: what was "
                                "booked."
                            ),
                        ),
                        FieldPanel(
                            "description_template",
                            help_text=_(
                                "Takes the place of the agenda's and the event's description in "
                                "the calendar entries, also in the visitor's own."
                            ),
                        ),
                        FieldPanel(
                            "backoffice_url_template",
                            help_text=_(
                                "A link from each booking to the case in your own system. The "
                                "booking's page shows it as a button, staff find it in their "
                                "calendar."
                            ),
                        ),
                        FieldPanel(
                            "form_url_template",
                            help_text=_(
                                "A link from each booking to the form that led to it, if it is "
                                "in another system."
                            ),
                        ),
                    ],
                    heading=_("What your colleagues see of a booking"),
                ),
            ],
            heading=_("Messages and labels"),
        ),
    ],
    base_form_class=agendas.AgendaForm,
)
