"""What brings agendas, dates and closures in from elsewhere."""
