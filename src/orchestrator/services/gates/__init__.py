"""May this campaign leave now? One ordered answer, and everything it depends on."""
