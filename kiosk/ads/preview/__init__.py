"""Preview: a campaign's week as a timetable, in text and as a picture."""
