"""What a site holds, for people and for other programs: one page of HTML, or OSCAL."""
