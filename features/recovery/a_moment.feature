@drill @postgresql @moment @newest_point
Feature: A moment can be recovered
  A mistake is undone by going back to just before it. The promise is that this very moment comes back: what had been
  committed by then, and nothing that came later.

  Scenario: What was committed before the moment is there, and nothing else
    Given a moment between two changes, with a third under way
    When the database is restored to that moment
    Then what was committed before it is there, and nothing that came after or was under way

  Scenario: A moment that cannot be restored is refused
    Given a moment before its oldest automated backup had ended
    When a recovery to that moment is asked for
    Then it is refused, and no other moment takes its place
