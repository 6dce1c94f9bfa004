"""Texts for tests/data/tokenizers: those that tokenizers are trained on, and those that they encode."""

import unicodedata

# Written for this purpose.
SENTENCES = """
A vector database finds the nearest neighbours of a query, and a reranker puts them in order.
What is a search index, and why does it make queries fast?
The library opens at nine o'clock; on Sundays it's closed (except in May).
Prices rose by 3.5% in 2019, from $1,200 to $1,242.00 per tonne.
Don't panic: e-mail us at someone@example.org or visit https://example.org/a_b?c=d#e.
Der Straßenbahnfahrer grüßt freundlich über die große Brücke.
L'été dernier, nous avons mangé des crêpes à côté de la forêt, où il faisait très chaud.
El niño pequeño comió una manzana roja; ¿dónde está la señora?
A avó da Conceição não quer pão, só maçãs e limões.
Il caffè è già pronto, però manca lo zucchero.
Zażółć gęślą jaźń, a potem idź do łóżka i śpij dobrze.
Příliš žluťoučký kůň úpěl ďábelské ódy.
Ağaçların gölgesinde İstanbul'un ışıkları çok güzel görünüyor.
Việt Nam có nhiều món ăn ngon như phở, bún chả và bánh mì.
Быстрая лодка плывёт по широкой реке к старому мосту.
Поиск документов начинается с хорошего запроса и заканчивается точным ответом.
Українська мова має літери ґ, є, і та ї.
Η γρήγορη αλεπού πηδάει πάνω από το τεμπέλικο σκυλί.
החתול ישן על הכיסא ליד החלון הפתוח.
يبحث المستخدم عن كتاب قديم في المكتبة الكبيرة.
مُحَمَّدٌ يَقْرَأُ الكِتَابَ فِي البَيْتِ.
او هر روز صبح روزنامه می‌خواند و چای می‌نوشد.
मैं हर सुबह बगीचे में चाय पीता हूँ और अख़बार पढ़ता हूँ।
खोज इंजन दस्तावेज़ों को क्रम में रखता है।
আমি প্রতিদিন সকালে নদীর ধারে হাঁটি।
நான் தினமும் காலையில் புத்தகம் படிக்கிறேன்.
ฉันชอบอ่านหนังสือในห้องสมุดที่เงียบสงบทุกวันเสาร์
搜索引擎根据查询对文档进行排序,并返回最相关的结果。
我们昨天在图书馆看了一本关于数据库的书。
臺灣的圖書館裡有許多古老的書籍。
検索エンジンは文書を並べ替えて、最も関連性の高い結果を返します。
東京の図書館でデータベースの本を読みました。カタカナとひらがな、漢字。
나는 매일 아침 도서관에서 책을 읽고 커피를 마신다.
검색 엔진은 질문에 맞는 문서를 찾아 순서대로 보여 준다.
საქართველო მდებარეობს კავკასიაში.
Հայաստանը լեռնային երկիր է։
አዲስ አበባ የኢትዮጵያ ዋና ከተማ ናት።
ཁྱེད་རང་བདེ་མོ་ཡིན་པས།
""".strip().split("\n")

ODD = [
    "", " ", "  ", "\t", "\n", " \t\r\n ", "\u00a0", "\u3000", "\u2003 \u2009", "\u200b", "\ufeff", "\0", "a\0b", "\x1ega",
    "\x7f", "\u0085", "a\u0085b", "\ufffd", "a\u00adb", "▁", "▁▁", " ▁ a", "a▁b", "▁the", "the ▁the", "__", "Ġthe", "##ing",
    "a  b", "a   b    c", "  a", "a  ", " a ", "\ta", "a\r\nb", "a\n\nb", "\r", "a \u00a0 b", "a\u3000\u3000b",
    "e\u0301", "\u0301", "\u0301a", "ﬁ\u0301x", "ﬁ", "ﬀﬁﬂ", "™", "™\x1eg", "½", "①②③", "㌀", "㍿", "Ⅷ", "ª", "…", "Å", "Ω", "ǆ",
    "ｆｕｌｌ ｗｉｄｔｈ １２３", "ﾊﾝｶｸ ｶﾞｷﾞｸﾞ", "ガギグ", "か\u3099き\u3099", "각각", "\u1100\u1161\u11a8", "한\u1100", "\u0915\u094d\u0937",
    "क्षत्रिय ज्ञान", "\u0e01\u0e33", "كتاب\u0640\u0640\u0640", "لا إله", "\ufdfa", "\ufefb", "ß ẞ ŉ ı İ i\u0307", "a\u0323\u0301 ạ́",
    "😀", "😀😀", "👍🏽", "👩‍👩‍👧‍👦", "🏳️‍🌈", "🇩🇪🇫🇷🇩", "1️⃣", "❤️", "☃", "☃☃☃ ☃", "a☃b", "𝓗𝓮𝓵𝓵𝓸", "𝟘𝟙", "𠀀𠮷", "🂡",
    "\U000e0001", "\ue000", "\U0010ffff", "Z\u0351\u036b\u0343\u036a\u0302a\u0489\u0338l\u0321\u0358g\u034fo\u0321", "\u202eabc\u202c", "a\u200db", "a\u200cb",
    "<mask>", "a <mask> b", "a<mask>b", "a   <mask>   b", "<mask><mask>", "<s>", "</s>", "<pad>", "<unk>", "x<unk>☃", "<s>a</s>",
    "[CLS]", "[SEP]", "the [SEP] end", "the[MASK]end", "  [MASK]  ", "[UNK]", "[PAD]", "[mask]", "<MASK>", "＜ｍａｓｋ＞", "＜mask＞",
    "<", "<<mask>>", "<mask", "mask>", "[[SEP]]", "\n<mask>\n", "\u3000<mask>\u3000x", "<mask>\u0301", "￼", "...", "!!!???", "--->",
    "$€£¥", "1234567890", "3.14159", "1,000,000", "C++", "a-b_c", "don't", "I'll we've", "’quoted’", "«x»", "„x“", "「引用」", "、。",
]

# Texts that are repeated, so that long inputs take little space in the file.
LONG = [("the ", 3000), ("a", 3000), ("検索", 1500), ("☃", 3000), ("e\u0301", 2000), ("search \u0301x😀  ", 700), ("<mask> ", 900)]


def texts():
    """`(text, number of repetitions)`, without duplicates."""
    all_texts = SENTENCES + ODD
    all_texts += [unicodedata.normalize("NFD", text) for text in SENTENCES]
    all_texts += [text.upper() for text in SENTENCES[:20]]
    all_texts += [f"{a} <mask>  {b} [SEP] {c}" for a, b, c in zip(ODD[13:58:3], SENTENCES[5:], ODD[60:])]
    return [(text, 1) for text in dict.fromkeys(all_texts)] + LONG


def corpus():
    return [text for sentence in SENTENCES for text in (sentence, sentence.lower(), *sentence.split())]
