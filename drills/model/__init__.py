"""The frozen values that the engine passes about and the run record is made of."""
