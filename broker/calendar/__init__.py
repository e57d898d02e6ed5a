"""Which days and hours each exchange trades: the shipped calendar, corrected by the table of trading days."""
