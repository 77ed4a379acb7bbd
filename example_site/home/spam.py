"""A check of what visitors send: nobody who needs a passport advertises in the form."""


def no_advertising(request, form):
    said = " ".join(str(answer) for answer in form.cleaned_data.values())
    if said.count("://") > 1:
        return "Please take the web addresses out of your answers, then confirm again."
    return None
