"""Why does no agent join? Reads the code of any LiveKit project, and its logs."""
