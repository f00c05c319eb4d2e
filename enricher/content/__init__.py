"""What users said and models answered: which values carry it, and what leaves of it (`normalize.content`)."""
