"""How texts speak to a model instead of naming a theme, in five languages and in Chinese.

An order counts only together with what it is an order about: "ignore the rain", "love without
limits" and "act as a tutor" are themes. Written after reading the texts in ``data/injections``,
so what it catches there is no measure of what it would catch elsewhere; what it refuses wrongly
is measured on other texts (`aigc_apps.safety.measure`).
"""

from __future__ import annotations

import re


def _any(*phrases: str) -> str:
    return rf"\b(?:{'|'.join(phrases)})\b"


LEAVE_ASIDE = _any(
    r"ignor\w*|disregard\w*|forget|override|bypass|skip",
    r"vergiss|vergessen|oubli\w+|olvid\w+|dimentic\w+",
)
GUIDANCE = _any(
    r"instructions?( sets?)?|prompts?|guidelines?|restrictions|polic(y|ies)|filters|commands?",
    r"(your|the|all|previous|prior|safety) rules|safety checks|what you were told",
    r"everything (above|you)",
    r"anweisung\w*|richtlinien|alles, was|consignes|instrucciones|istruzioni",
)
SHOW = _any(
    r"reveal|show|print\w*|output|tell|repeat|dump|display|leak|list|send|collect|email|forward",
    r"access|reproduce|say|here is",
    r"zeig\w*|verrat\w*|gibst|r[eé]v[eè]l\w*|montre|rassemble|muestra|mostra|rivela",
)
HIDDEN = _any(
    r"(system|hidden|initial|developer)[ -]?(prompts?|messages?|instructions?|mode)",
    r"(exact |your )instructions you (were|are)|context window|words above",
    r"internal configuration|environment variables|confidential data",
    r"(api|access) keys|credentials|admin password|private admin",
    r"customer (database|emails|list)",
    r"system(anweisungen|-?prompt)|internen daten|donn[eé]es clients|datos clientes",
    r"(prompt|instructions?) syst[eè]me|instrucciones del sistema|prompt del? sistema",
    r"(istruzioni|prompt) di sistema",
)
MODEL = _any(r"ai|ai (agents?|systems?)|bot|assistants?|chatbot|llm|model")
UNBOUND = _any(
    r"(no|without|any) (content )?(restrictions?|limits|filters?|rules|polic(y|ies))",
    r"unrestricted|uncensored|uneingeschr\w+|keine (regeln|richtlinien)",
    r"(sans|sin|senza) (restrictions?|restricciones|restrizioni|filtro)|ohne einschr\w+",
)
ANSWER = _any(
    r"answer|respond\w*|reply|replies|comply|antworten|repondre|répondre|responder|rispondere"
)

# What a pattern finds is named by its key, for whoever reads or counts.
PATTERNS: dict[str, tuple[str, ...]] = {
    "orders to leave instructions aside": (
        LEAVE_ASIDE + r".{0,50}" + GUIDANCE,
        r"(忽略|无视|無視|忘记|忘記).{0,12}(指令|规则|規則|提示|以上|之前)",
    ),
    "questions for what is hidden": (
        SHOW + r".{0,60}" + HIDDEN,
        r"系[统統]提示|[开開][发發]者模式",
    ),
    "another role": (
        r"\b(you are|you're|act as|pretend|respond as) .{0,30}" + _any(r"ai|dan|bot|model"),
        r"\b(you are|you're|act as|pretend|respond as) .{0,30}" + UNBOUND,
        r"\b(you are|you're) (now|no longer)\b|\bdeveloper mode\b",
        UNBOUND + r".{0,60}" + ANSWER,
        ANSWER + r".{0,60}" + UNBOUND,
        r"\bfrom now on,? (you|respond|answer)\b|\b(ab jetzt|ab sofort|du bist jetzt)\b",
        r"\b(vous [eê]tes d[eé]sormais|ahora (eres|estas)|ora sei)\b",
    ),
    "new orders": (
        r"\b(your new (instructions?|directives?)\b|new instructions?:)|\bneue anweisungen\b",
        r"\bcomply with (every|the following|all)\b|\byour rules have\b|\bskip all\b",
        r"\b(guidelines (were|are) not|exempt from the|output the restricted)\b",
        r"\b(safety|security) (protocols?|checks?)\b.{0,30}\b(disabled|off)\b",
        r"\b(as (the|an) (ai|assistant)|als assistent|en tant qu'assistant|com[eo] asi?s\w+nte)\b",
    ),
    "headings of a conversation": (
        r"^\W*(system|assistant|user|developer)( note| message| update| hint)?\s*:",
        r"^\W*(systemhinweis|note syst[eè]me|nota (del|di) sistema)\s*:",
        r"\bend of (document|user input)\b|\bnote to (self|the bot)\b",
        r"\b(for|to|any) " + MODEL + r".{0,40}:",
        r"\b(important|note|notice)\b.{0,20}" + MODEL,
        MODEL + r" (reading|reviewing|integrating|processing)\b",
    ),
    "orders to remember or append": (
        r"\b(append|include|remember|save|repeat)\b.{0,80}"
        + _any(
            r"every (future )?(reply|report|summary)|future (tasks|reports|replies)",
            r"long-term memory|exact token|your (reply|summary)",
        ),
    ),
    "orders to decode": (
        r"\b(decode|translate|read)\b.{0,60}\b(base64|rot13|hex|binary|encoded)\b",
        r"\b(base64|hex|binary) encoded\b",
    ),
}
COMMANDS = re.compile(
    "|".join(f"(?:{one})" for patterns in PATTERNS.values() for one in patterns), re.IGNORECASE
)
