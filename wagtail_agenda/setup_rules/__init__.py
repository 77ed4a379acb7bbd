"""What cannot be set up, beyond what one column or one block refuses.

The forms of the admin and what is imported are held to the same sentences. Every function takes
values, and answers with errors by the column that they stand at.

=========  ====================================================================
kinds      which columns of an agenda fit which kind of agenda
delays     whether booking delays leave any time to book in
agendas    an agenda as a whole: its rules, templates, workflows
members    the agendas behind a virtual one
offers     an appointment type with its resources; an event with its times
series     which days a series of events cannot have
schedules  hours at times that clocks skip
workflows  statuses of another workflow, names that mean nothing, circles
dates      years that nobody means, times that there are not
=========  ====================================================================
"""
