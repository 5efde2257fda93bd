"""One module a command. It imports what it works with inside the function, so that help, completion and wrong usage answer at once."""
