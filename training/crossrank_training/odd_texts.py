"""Texts that real lists contain and that answer nothing: tables, code, menus, notices, lists of keywords."""

import random

from .queries import keywords

WORDS = (
    "account address amount api archive array author average balance batch branch buffer build button cache category "
    "change channel chapter client code column comment company config contact content cost country count create "
    "currency customer date debug default delete description device disk docs domain edition email engine error event "
    "export factor field file filter folder format function group guide handler header height history home host icon "
    "image import index input install item key label language layout length level library license limit link list "
    "local log login main manager map market memory menu message method metric model module monitor month name network "
    "news node note number object office option order output owner package page parameter password path payment photo "
    "plan platform policy port price print privacy process product profile program project public query queue rate "
    "record region release report request result return review role root route row run sample save scale schema score "
    "screen script search section select server service session setting share shipping size source stack start state "
    "status step stock store string style submit summary support system table tag target task team template term test "
    "text theme thread time title token tool total track type unit update upload url user value version video view "
    "volume weather website week weight width window work year zone"
).split()

NOTICES = (
    "Accept all cookies to continue.", "All rights reserved.", "An unexpected error has occurred. Please try again.",
    "Are you sure you want to leave this page?", "Be the first to comment on this article.", "Click here to log in.",
    "Comments are closed.", "Download the app for a better experience.", "Follow us on social media.",
    "For more information, see the related links below.", "Free shipping on orders over $50.", "Get started today",
    "If you have questions, contact our support team.", "JavaScript must be enabled to view this page.",
    "Last updated three years ago", "Leave a reply", "Load more results", "No results found.", "Not available.",
    "Nothing to see here.", "Our team will get back to you within two business days.", "Page 3 of 17",
    "Please enter a valid email address.", "Please wait while we check your browser.", "Posted in General",
    "Powered by open-source software", "Print this page", "Related articles", "Report a problem with this page",
    "See also", "Session expired. Please sign in again.", "Show less", "Sign up for our weekly newsletter.",
    "Skip to main content", "Terms and conditions apply.", "Thanks for reading!", "The requested URL was not found.",
    "This content is not available in your region.", "This document is a work in progress.", "This field is required.",
    "This section needs additional citations.", "To be completed.", "Toggle navigation", "View all posts by admin",
    "Was this page helpful? Yes No", "We use cookies to improve your experience.", "You must be logged in to comment.",
    "Your cart is empty.", "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor.",
)

FOREIGN = (
    "Der Zug fährt heute um acht Uhr vom alten Bahnhof ab.", "Bitte wählen Sie eine Sprache.",
    "Die Stadt liegt an einem breiten Fluss im Norden des Landes.", "Il fait beau ce matin et les enfants jouent dehors.",
    "Veuillez remplir le formulaire avant la fin du mois.", "La bibliothèque est fermée le dimanche.",
    "El mercado abre todos los días a las nueve de la mañana.", "Haga clic en el botón para guardar los cambios.",
    "Nuestra casa está cerca del mar y tiene un jardín grande.", "O livro foi publicado no ano passado em Lisboa.",
    "Digite sua senha para continuar.", "La ricetta richiede farina, acqua e un pizzico di sale.",
    "Il museo resterà chiuso per restauri.", "De winkel is open van maandag tot en met zaterdag.",
    "Ze woont in een klein dorp bij de zee.", "Pociąg odjeżdża z trzeciego peronu.", "Proszę podać numer zamówienia.",
    "Tåget är försenat på grund av snö.", "Kirja on pöydällä ikkunan vieressä.", "Vlak odjíždí za deset minut.",
    "Toplantı yarın saat üçte başlayacak.", "Сегодня хорошая погода, и мы идём в парк.", "Введите пароль ещё раз.",
    "Το τρένο φεύγει στις οκτώ το πρωί.", "今日は天気がいいので散歩に行きます。", "この商品は現在お取り扱いできません。",
    "请在下面输入您的电子邮件地址。", "图书馆每天早上九点开门。", "오늘은 날씨가 아주 좋습니다.", "로그인 후 이용해 주세요.",
    "المكتبة مفتوحة كل يوم.", "הספרייה פתוחה בכל יום.", "आज मौसम बहुत अच्छा है।", "Hôm nay trời đẹp và chúng tôi đi chợ.",
)


def _words(rng: random.Random, low: int, high: int) -> list[str]:
    return rng.choices(WORDS, k=rng.randint(low, high))


def _cell(rng: random.Random) -> str:
    if rng.random() < 0.5:
        return str(round(rng.uniform(0, 10 ** rng.randint(1, 5)), rng.randrange(3)))
    return rng.choice((rng.choice(WORDS), "-", "n/a", "", "yes", "no"))


def table(rng: random.Random, subject: list[str]) -> str:
    """A Markdown table, of which some are only a rule or one row."""
    columns = rng.randint(2, 6)
    rule = "|" + "---|" * columns
    if rng.random() < 0.25:
        return rule
    rows = [[_cell(rng) for _ in range(columns)] for _ in range(rng.choice((1, 1, 2, 4, 8)))]
    if subject and rng.random() < 0.4:
        rows[0][0] = rng.choice(subject)
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    if rng.random() < 0.6:
        lines = ["| " + " | ".join(_words(rng, columns, columns)) + " |", rule, *lines]
    return "\n".join(lines)


def code(rng: random.Random, subject: list[str]) -> str:
    """A fragment of a program or a shell session."""
    a, b, c, d = _words(rng, 4, 4)
    if subject and rng.random() < 0.4:
        a = rng.choice(subject)
    n = rng.randrange(1000)
    body = rng.choice((
        f"def {a}_{b}({c}, {d}):\n    return {c}[{d}] + {n}", f"const {a} = {b}.{c}({n});", f"import {a}.{b} as {c}",
        f"for (int {a[0]} = 0; {a[0]} < {n}; ++{a[0]}) {{ {b}({c}, {d}); }}", f"{a}: {b}\n{c}:\n  - {d}\n  - {n}",
        f"SELECT {a}, {b} FROM {c} WHERE {d} = {n};", f'{{"{a}": "{b}", "{c}": {n}, "{d}": null}}', f"}}\n\n  {a}",
        f'<div class="{a}-{b}"><span>{n}</span></div>', f"$ {a} --{b} {c}/{d}.txt", f"fn {a}(&self) -> Option<{b}>;",
        f"{a} = {b}\n{c} = {n}", f"Traceback: {a}Error in {b}.py, line {n}", f"<{a}>{n}</{a}>", "```", "});", "return;",
    ))
    return f"```\n{body}\n```" if rng.random() < 0.3 else body


def menu(rng: random.Random, subject: list[str]) -> str:
    """Navigation, headings and breadcrumbs."""
    names = [word.capitalize() for word in _words(rng, 2, 7)]
    if subject and rng.random() < 0.4:
        names[-1] = " ".join(subject)
    return rng.choice((" | ", " > ", " / ", "  ", "\n- ", " » ")).join(names)


def notice(rng: random.Random, subject: list[str]) -> str:
    """Boilerplate of web pages."""
    return " ".join(rng.choices(NOTICES, k=rng.choice((1, 1, 2, 4, 8))))


def foreign(rng: random.Random, subject: list[str]) -> str:
    """Sentences in languages other than English."""
    return " ".join(rng.choices(FOREIGN, k=rng.choice((1, 1, 2, 3, 6))))


def numbers(rng: random.Random, subject: list[str]) -> str:
    """Numbers, dates and marks."""
    return rng.choice((
        " ".join(_cell(rng) for _ in range(rng.randint(1, 30))), f"{rng.randint(1, 31)}.{rng.randint(1, 12)}.2021",
        rng.choice("-*=_.#~?!") * rng.randint(1, 20), f"[{rng.randrange(90)}]", f"Figure {rng.randrange(90)}",
        f"https://example.org/{rng.choice(WORDS)}/{rng.randrange(9999)}", f"{rng.choice(WORDS)}@example.org",
    ))


def few(rng: random.Random, subject: list[str]) -> str:
    """No word at all, or one or two."""
    return rng.choice(("", " ", *_words(rng, 2, 2), " ".join(_words(rng, 2, 2)), *subject[:2]))


def keyword_list(rng: random.Random, subject: list[str]) -> str:
    """The words of the query among others, as pages list them for search engines."""
    words = [*(subject * rng.randint(1, 3)), *_words(rng, 0, 12)]
    rng.shuffle(words)
    return rng.choice((", ", " ", "; ", " | ")).join(words) or "tags"


def heading(rng: random.Random, subject: list[str]) -> str:
    """A heading that names the subject and says nothing of it."""
    name = " ".join(subject) or rng.choice(WORDS)
    return rng.choice((f"## {name}", f"Chapter {rng.randrange(30)}: {name}", f"{name.title()} - Contents", f"{name}:"))


KINDS = (table, code, menu, notice, foreign, numbers, few)
HARD_KINDS = (keyword_list, heading)


def odd_text(query: str, rng: random.Random) -> tuple[str, bool]:
    """An odd text for a list, and whether it is a hard negative, which names what the query asks about."""
    subject = [word.strip("?.,!'") for word in keywords(query)][:8]
    if rng.random() < 0.25:
        return rng.choice(HARD_KINDS)(rng, subject), True
    text = rng.choice(KINDS)(rng, subject if rng.random() < 0.5 else [])
    if rng.random() < 0.15:
        text += "\n" + rng.choice(KINDS)(rng, [])
    return text, False
