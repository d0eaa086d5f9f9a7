"""What the operator's command line raises when it cannot go on."""


class OpsError(Exception):
    """A problem that a person can act on.

    Args:
        message: What is wrong, in one sentence.
        hint: What to do about it; printed under the message.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message
