"""Ten short storyboards, written for the evaluation: `Video.Request`'s fields as plain values."""

from __future__ import annotations

from typing import Any


def _board(title: str, mood: str, *shots: tuple[str, float, str]) -> dict[str, Any]:
    keys = ("subject", "seconds", "narration")
    return {
        "title": title,
        "mood": mood,
        "shots": [dict(zip(keys, s, strict=True)) for s in shots],
    }


STORYBOARDS: tuple[dict[str, Any], ...] = (
    _board(
        "A bag for every day",
        "bright",
        ("Bag", 4, "This bag was made by a small machine."),
        ("Bag", 4, "Nobody can buy it, because it does not exist."),
    ),
    _board(
        "From summer to winter",
        "calm",
        ("Sandal", 4, "In the summer we walk in light sandals."),
        ("Sandal to Ankle boot", 5, "When the cold comes, a sandal turns into a boot."),
        ("Coat", 4, "And then everybody wears a warm coat."),
    ),
    _board(
        "The long dress",
        "solemn",
        ("Shirt to Dress", 5, "A shirt grows longer until it is a dress."),
        ("Dress", 4, "No hand has ever touched this dress."),
    ),
    _board(
        "Running shoes",
        "restless",
        ("Sneaker", 4, "These are shoes for people who like to run."),
        ("Sneaker to Sandal", 4, "After the race they become open shoes."),
    ),
    _board(
        "How to dress for rain",
        "calm",
        ("Pullover", 4, "First put on something warm."),
        ("Pullover to Coat", 4, "Over it you need a long coat."),
        ("Ankle boot", 4, "Do not go out without good boots."),
    ),
    _board(
        "What the network has seen",
        "solemn",
        ("T-shirt/top", 5, "The network has looked at sixty thousand pictures."),
        ("Trouser", 4, "It has never seen a person."),
    ),
    _board(
        "Office and evening",
        "bright",
        ("Shirt", 4, "In the morning we go to the office."),
        ("Shirt to Dress", 4, "In the evening we go to the theater."),
    ),
    _board(
        "Three pairs",
        "restless",
        ("Sneaker", 3, "One pair for the street."),
        ("Sandal", 3, "One pair for the beach."),
        ("Ankle boot", 3, "One pair for the mountain."),
    ),
    _board(
        "Trousers, told slowly",
        "calm",
        ("Trouser", 5, "These trousers change their shape very slowly."),
        ("Trouser to Dress", 5, "In the end they are something else."),
    ),
    _board(
        "The winter collection in twenty seconds",
        "bright",
        ("Coat", 5, "Welcome to the winter collection."),
        ("Coat to Pullover", 5, "Under every coat there is a warm pullover."),
        ("Ankle boot", 5, "The boots are made for snow and for ice."),
        ("Bag", 5, "Please remember that all of this is only a film."),
    ),
)
