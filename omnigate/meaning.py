"""What a provider's codes mean to Omnigate: tables of a plugin name them, this says what follows.

```python
ERRORS: Mapping[int, omnigate.Meaning] = {
    20003: omnigate.Meaning.NO_RIGHT,
    21215: omnigate.Meaning("refused", "region_not_allowed", "allow the country in the account"),
}
```
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, Literal

from omnigate.errors import (
    CredentialsRejected,
    DestinationUnavailable,
    OmnigateError,
    Refused,
    RetryLater,
    Uncertain,
)

Kind = Literal["refused", "later", "unavailable", "credentials", "uncertain"]

NO_MONEY_SECONDS: Final = 900.0
"""How long to wait for an account to be filled up before the provider is asked again."""
TOO_MANY_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Meaning:
    """What one code of a provider means. Those that every provider has are attributes of the class."""

    kind: Kind
    code: str = "refused_by_provider"
    """For ``refused``: the short cause that the CRM reads."""
    advice: str = ""
    """What the operator should do."""
    seconds: float | None = None
    """How long to wait, for ``later`` and ``unavailable``."""

    REFUSED: ClassVar[Meaning]
    BAD_REQUEST: ClassVar[Meaning]
    BAD_NUMBER: ClassVar[Meaning]
    BLOCKED: ClassVar[Meaning]
    NO_RIGHT: ClassVar[Meaning]
    NO_MONEY: ClassVar[Meaning]
    TOO_MANY: ClassVar[Meaning]
    UNCLEAR: ClassVar[Meaning]

    def error(self, words: str, status: int | None = None) -> OmnigateError:
        """Return it as the error to raise, with the provider's own words."""
        said = f"{words}; {self.advice}" if self.advice else words
        match self.kind:
            case "refused":
                return Refused(self.code, said)
            case "later":
                return RetryLater(said, after_seconds=self.seconds, status=status)
            case "unavailable":
                return DestinationUnavailable(said, retry_after_seconds=self.seconds, status=status)
            case "credentials":
                return CredentialsRejected(said)
            case "uncertain":
                return Uncertain(said)


Meaning.REFUSED = Meaning("refused")
Meaning.BAD_REQUEST = Meaning("refused", "bad_request")
Meaning.BAD_NUMBER = Meaning("refused", "bad_number")
Meaning.BLOCKED = Meaning("refused", "blocked_by_provider")
Meaning.NO_RIGHT = Meaning("credentials", advice="are the credentials of this channel right?")
Meaning.NO_MONEY = Meaning(
    "unavailable",
    advice="fill up the account, and resume the channel to have what waits go out at once",
    seconds=NO_MONEY_SECONDS,
)
Meaning.TOO_MANY = Meaning("unavailable", seconds=TOO_MANY_SECONDS)
Meaning.UNCLEAR = Meaning("uncertain")
