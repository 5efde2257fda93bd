"""How a conversion is made: what it is asked for and gives back, reading the source, the steps, and what is noted in the file."""
