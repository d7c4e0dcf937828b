"""The built-in renderers. They use nothing of the core that somebody else's could not."""
