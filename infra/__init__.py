"""What a stack is made of: settings, providers, images, and the order in which components come up."""
