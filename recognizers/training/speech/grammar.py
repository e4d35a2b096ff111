"""The sentences of the shipped speech: voice-assistant commands from a closed vocabulary.

A sentence is a command drawn from a small context-free grammar. In about 40 % of them a word or phrase points
at an emotion ("stop it now", "sadly ..."), and in some of those it points at the wrong one, as people's words
do, so words and voice both carry information and neither is enough.

Numbers are spelled as single words and never stand side by side, so Whisper's English normaliser (which would
join "seven thirty" to "730") keeps the number of words: a word error stays one word error."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

EMOTIONS: tuple[str, ...] = ("angry", "happy", "neutral", "sad")

MARKED_SHARE = 0.42
"""Share of sentences with an emotional phrase."""
FAITHFUL_SHARE = 0.85
"""Share of emotional phrases that name the emotion the voice has; the others are drawn from all four."""

RULES: dict[str, tuple[str, ...]] = {
    "digit": ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    "count": ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "twelve"),
    "tens": ("five", "ten", "fifteen", "twenty", "thirty", "forty", "fifty", "sixty", "ninety"),
    "hour": (
        "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
        "twelve",
    ),
    "unit": ("minutes", "seconds", "hours"),
    "part": ("in the morning", "in the evening", "in the afternoon", "tonight", "today", "tomorrow"),
    "day": (
        "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "today",
        "tomorrow",
    ),
    "room": ("kitchen", "bedroom", "bathroom", "garden", "office", "garage", "hall", "living room"),
    "device": (
        "light", "lights", "lamp", "fan", "heater", "television", "radio", "speaker", "camera", "alarm",
    ),
    "onoff": ("on", "off"),
    "color": ("red", "blue", "green", "yellow", "white", "orange"),
    "person": (
        "anna", "peter", "maria", "david", "laura", "thomas", "mother", "father", "my sister",
        "my brother", "the doctor", "my friend",
    ),
    "place": (
        "home", "work", "the airport", "the station", "the school", "the hospital", "the market",
        "the library", "the beach", "london", "paris", "berlin",
    ),
    "city": ("london", "paris", "berlin", "madrid", "rome", "boston"),
    "item": (
        "milk", "bread", "butter", "eggs", "apples", "bananas", "coffee", "tea", "sugar", "cheese",
        "rice", "chicken", "tomatoes", "water", "soap",
    ),
    "music": (
        "jazz", "rock", "classical music", "my playlist", "the news", "the next song", "some music",
        "the last album", "a love song", "a story",
    ),
    "task": (
        "call the bank", "buy flowers", "feed the cat", "walk the dog", "take my medicine",
        "pay the rent", "clean the kitchen", "send the letter", "water the plants", "book a table",
    ),
    "message": (
        "i am late", "i am on my way", "see you tomorrow", "call me back", "dinner is ready",
        "the meeting is over", "the train is late", "happy birthday",
    ),
}  # fmt: skip
"""Non-terminals; `<name>` in a production refers to one."""

COMMANDS: dict[str, tuple[str, ...]] = {
    "timer": (
        "set a timer for <tens> <unit>", "start a timer for <count> <unit>", "stop the timer",
        "cancel the timer for <tens> <unit>", "add <count> minutes to the timer",
        "how much time is left on the timer",
    ),
    "alarm": (
        "wake me up at <hour> <part>", "set an alarm for <hour> <part>", "cancel my alarm for <day>",
        "set an alarm for half past <hour>", "turn <onoff> the alarm at <hour>",
    ),
    "light": (
        "turn <onoff> the <device> in the <room>", "turn the <device> <onoff>",
        "make the <room> light <color>", "set the <room> lamp to <color>",
        "set the <device> to level <digit>", "is the <device> in the <room> <onoff>",
    ),
    "climate": (
        "set the temperature to <tens> degrees", "make the <room> warmer", "make the <room> colder",
        "open the window in the <room>", "close the door of the <room>", "lock the <room> door",
    ),
    "music": (
        "play <music>", "play <music> in the <room>", "pause the music", "turn the volume up",
        "turn the volume down to <digit>", "skip this song", "play channel <digit> on the radio",
        "play song number <digit>",
    ),
    "weather": (
        "what is the weather in <city> <part>", "will it rain on <day>",
        "will it snow in <city> on <day>", "is it cold in <city> <part>", "do i need a coat on <day>",
    ),
    "message": (
        "send a message to <person>", "tell <person> <message>", "call <person>",
        "call <person> at <place>", "read my messages from <person>",
        "send <person> the message <message>", "call number <digit>",
    ),
    "navigation": (
        "take me to <place>", "how far is <place>", "find the fastest way to <place>",
        "when is the next train to <city>", "book a taxi to <place> at <hour>", "go to gate <digit>",
        "drive from <city> to <city>",
    ),
    "shopping": (
        "add <item> to my shopping list", "put <count> <item> on the list",
        "remove <item> from the list", "buy <item> and <item>", "order <count> <item>",
        "do we have <item>",
    ),
    "calendar": (
        "remind me to <task> on <day>", "remind me to <task> at <hour>",
        "what is on my calendar on <day>", "move the meeting to <hour> on <day>",
        "cancel the meeting on <day>", "what time is it in <city>",
    ),
    "number": (
        "choose option <digit>", "the answer is <digit>", "room number <digit>",
        "enter <digit> and press start", "repeat number <digit>",
    ),
}  # fmt: skip
"""Topics and their productions; a topic is drawn first, so the rare ones are heard too."""

MARKERS: dict[str, tuple[str, ...]] = {
    "angry": (
        "stop it now <c>", "<c> right now", "i said <c>", "this is wrong again <c>", "i hate this <c>",
        "not again <c>", "come on <c>", "how many times <c>", "<c> immediately",
    ),
    "happy": (
        "wonderful <c>", "great news <c>", "i love this <c>", "yes <c>", "what a beautiful day <c>",
        "fantastic <c>", "hooray <c>", "i am so happy <c>", "<c> this is fun",
    ),
    "neutral": (
        "please <c>", "<c> please", "hello <c>", "can you <c>", "now <c>", "then <c>", "okay <c>",
        "and <c>", "thank you <c>",
    ),
    "sad": (
        "sadly <c>", "i am so tired <c>", "i feel lonely <c>", "sorry <c>", "i miss you <c>",
        "never mind <c>", "i give up <c>", "<c> i am afraid", "nobody is here <c>",
    ),
}  # fmt: skip
"""Phrases that point at an emotion; `<c>` is the command."""

LONE_DIGIT_SHARE = 0.04
"""Share of training sentences that are one spoken digit (never in the test: ten sentences cannot be
split)."""


@dataclass(frozen=True)
class Sentence:
    """One sentence (lower case, words only) and the emotion its voice shall have."""

    text: str
    emotion: str


def expand(production: str, rng: np.random.Generator) -> str:
    """Replace every `<name>` of a production by one of its alternatives, until only words are left."""
    words: list[str] = []
    for token in production.split():
        if token.startswith("<"):
            options = RULES[token[1:-1]]
            words.append(expand(options[rng.integers(len(options))], rng))
        else:
            words.append(token)
    return " ".join(words)


def draw_sentence(emotion: str, rng: np.random.Generator) -> Sentence:
    """Draw a sentence for a given emotion. Every sixth marked sentence points at another emotion than the
    voice."""
    if rng.random() < LONE_DIGIT_SHARE:
        return Sentence(expand("<digit>", rng), emotion)
    topics = tuple(COMMANDS)
    productions = COMMANDS[topics[rng.integers(len(topics))]]
    command = expand(productions[rng.integers(len(productions))], rng)
    if rng.random() < MARKED_SHARE:
        pointed = emotion if rng.random() < FAITHFUL_SHARE else EMOTIONS[rng.integers(len(EMOTIONS))]
        markers = MARKERS[pointed]
        command = markers[rng.integers(len(markers))].replace("<c>", command)
    return Sentence(command, emotion)


def split_of(text: str) -> str:
    """The part a sentence belongs to, by its checksum, so no sentence is in two: 'train', 'dev' or 'test'."""
    if len(text.split()) == 1:
        return "train"
    bucket = zlib.crc32(text.encode()) % 20
    return {0: "test", 1: "test", 2: "dev"}.get(bucket, "train")


def vocabulary() -> tuple[str, ...]:
    """Every word that a sentence can hold, sorted."""
    productions = [p for group in (RULES, COMMANDS, MARKERS) for options in group.values() for p in options]
    return tuple(sorted({word for p in productions for word in p.split() if not word.startswith("<")}))
